import { basename, join } from "@std/path";
import { UserError } from "../../errors.ts";
import { reasonOf } from "../byte_reader.ts";
import {
  CHECKPOINT_FOLDERS,
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

/** Where checkpoints of a kind and tag lie under nanochat's base directory. */
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
 * checkpoint. Default step: the last complete one of the newest run, see {@linkcode runsIn}.
 *
 * @throws {UserError} if the directory, tag or step is missing or incomplete; it lists what is
 * there.
 */
export async function findCheckpoint(
  baseDir: string,
  { source, tag, step }: { source: CheckpointSource; tag?: string; step?: number },
): Promise<CheckpointFiles> {
  const parent = join(baseDir, CHECKPOINT_FOLDERS[source]);
  const tags = await listDirectories(baseDir, parent);
  const chosen = tag ?? defaultTag(await holdingCheckpoints(parent, tags));
  const directory = checkpointDirectory(baseDir, source, chosen);
  if (!tags.has(chosen)) {
    throw new UserError(`${parent}: has no model "${chosen}"; it has ${list([...tags.keys()])}`);
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

/** The directories in `parent` that can be models, by name, with the time they last changed. */
async function listDirectories(baseDir: string, parent: string): Promise<Map<string, number>> {
  const directories = new Map<string, number>();
  try {
    for await (const { name } of Deno.readDir(parent)) {
      if (!isModelTag(name)) continue;
      // Followed, for directories that are links; a link to nothing is none.
      const info = await Deno.stat(join(parent, name)).catch(() => undefined);
      if (info?.isDirectory) directories.set(name, info.mtime?.getTime() ?? 0);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw unreadable(parent, error);
    throw new UserError(await describeMissing(baseDir, parent));
  }
  if (directories.size === 0) throw new UserError(`${parent}: holds no model`);
  return directories;
}

/** The directories that hold a complete checkpoint; all if none does, to say what one lacks. */
async function holdingCheckpoints(
  parent: string,
  tags: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  const holding = new Map<string, number>();
  for (const [tag, time] of tags) {
    const names = await fileNames(join(parent, tag)).catch(() => []);
    if (completeSteps(names).length > 0) holding.set(tag, time);
  }
  return holding.size > 0 ? holding : tags;
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
