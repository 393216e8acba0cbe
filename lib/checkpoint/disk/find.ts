import { basename, dirname, join } from "@std/path";
import { UserError } from "../../errors.ts";
import { reasonOf } from "../byte_reader.ts";
import {
  CHECKPOINT_FOLDERS,
  checkpointFolders,
  type CheckpointSource,
  completeSteps,
  defaultTag,
  filesOfStep,
  isModelTag,
  list,
} from "../layout.ts";
import { runsIn } from "./runs.ts";

/** The files of one complete checkpoint. */
export interface CheckpointFiles {
  /** Their directory. */
  directory: string;
  /** The directory's name, for example `d12`. */
  tag: string;
  /** The optimizer step they were saved at. */
  step: number;
  /** Path of the state dict. */
  model: string;
  /** Path of the JSON with the model's configuration. */
  meta: string;
  /** Paths of the optimizer's state by rank; empty if it was not saved. */
  optimizers: ReadonlyMap<number, string>;
}

/** Where checkpoints of a kind and tag are saved under nanochat's base directory. */
export function checkpointDirectory(
  baseDir: string,
  source: CheckpointSource,
  tag: string,
): string {
  if (!isModelTag(tag)) {
    throw new UserError(`"${tag}" is no model tag; it must be the name of a folder, such as d12`);
  }
  return join(baseDir, CHECKPOINT_FOLDERS[source], tag);
}

/**
 * Finds a checkpoint under nanochat's base directory.
 *
 * Default tag: the deepest `d{N}`, else the newest directory, of those that hold a complete
 * checkpoint. Default step: the last complete one of the newest run, see {@linkcode runsIn}. Where
 * two folders of a kind have the tag, it is the first that holds the step, see
 * {@linkcode checkpointFolders}.
 *
 * @throws {UserError} if the directory, tag or step is missing or incomplete; it lists what is
 * there.
 */
export async function findCheckpoint(
  baseDir: string,
  { source, tag, step }: { source: CheckpointSource; tag?: string; step?: number },
): Promise<CheckpointFiles> {
  const models = await listModels(baseDir, checkpointFolders(source));
  const chosen = tag ?? defaultTag(timesOf(await holdingCheckpoints(models)));
  const own = checkpointDirectory(baseDir, source, chosen);
  const directories = models.filter(({ tag }) => tag === chosen).map(({ path }) => path);
  if (directories.length === 0) {
    throw new UserError(
      `${dirname(own)}: has no model "${chosen}"; it has ${list([...timesOf(models).keys()])}`,
    );
  }
  let directory = directories[0];
  for (const path of directories) {
    const steps = completeSteps(await fileNames(path)).map(({ step }) => step);
    if (step === undefined ? steps.length === 0 : !steps.includes(step)) continue;
    directory = path;
    break;
  }
  const names = await fileNames(directory);
  const last = step ?? (await runsIn(directory, names)).at(-1)?.steps.at(-1)?.step;
  return checkpointFiles(names, directory, last);
}

/**
 * The files of a step in a directory.
 *
 * @param names The names of the directory's files.
 * @throws {UserError} as {@linkcode filesOfStep}.
 */
export function checkpointFiles(
  names: readonly string[],
  directory: string,
  step?: number,
): CheckpointFiles {
  const files = filesOfStep(names, directory, step);
  return {
    directory,
    tag: basename(directory),
    step: files.step,
    model: join(directory, files.model),
    meta: join(directory, files.meta),
    optimizers: new Map([...files.optimizers].map(([rank, name]) => [rank, join(directory, name)])),
  };
}

/** The names of what lies in a directory. */
export function fileNames(directory: string): Promise<string[]> {
  return Array.fromAsync(Deno.readDir(directory), ({ name }) => name).catch((error) => {
    throw unreadable(directory, error);
  });
}

/** A directory that can be a model. */
interface ModelDirectory {
  tag: string;
  path: string;
  /** When it last changed, in milliseconds. */
  time: number;
}

/** The directories in a base directory's folders that can be models, folder by folder. */
async function listModels(baseDir: string, folders: string[]): Promise<ModelDirectory[]> {
  const models: ModelDirectory[] = [];
  const parents = folders.map((folder) => join(baseDir, folder));
  let isMissing = true;
  for (const parent of parents) {
    try {
      for await (const { name: tag } of Deno.readDir(parent)) {
        if (!isModelTag(tag)) continue;
        const path = join(parent, tag);
        // Followed, for directories that are links; a link to nothing is none.
        const info = await Deno.stat(path).catch(() => undefined);
        if (info?.isDirectory) models.push({ tag, path, time: info.mtime?.getTime() ?? 0 });
      }
      isMissing = false;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw unreadable(parent, error);
    }
  }
  const detail = { kind: "noModel" } as const;
  if (isMissing) throw new UserError(await describeMissing(baseDir, parents[0]), { detail });
  if (models.length === 0) throw new UserError(`${parents[0]}: holds no model`, { detail });
  return models;
}

/** When the models of each tag last changed. */
function timesOf(models: readonly ModelDirectory[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { tag, time } of models) times.set(tag, Math.max(time, times.get(tag) ?? 0));
  return times;
}

/** The directories that hold a complete checkpoint; all if none does, to say what one lacks. */
async function holdingCheckpoints(models: ModelDirectory[]): Promise<ModelDirectory[]> {
  const holding: ModelDirectory[] = [];
  for (const model of models) {
    const names = await fileNames(model.path).catch(() => []);
    if (completeSteps(names).length > 0) holding.push(model);
  }
  return holding.length > 0 ? holding : models;
}

function unreadable(directory: string, error: unknown): UserError {
  return new UserError(`${directory}: cannot be read: ${reasonOf(error)}`, { cause: error });
}

async function describeMissing(baseDir: string, parent: string): Promise<string> {
  try {
    const names = await Array.fromAsync(Deno.readDir(baseDir), ({ name }) => name);
    return `${parent}: no such directory; ${baseDir} holds ${list(names)}`;
  } catch {
    return `${baseDir}: no such directory; it should be nanochat's base directory, with the tokenizer and the checkpoints`;
  }
}
