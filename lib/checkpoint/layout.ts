import { join } from "@std/path";
import { UserError } from "../errors.ts";

/** Which kind of training a checkpoint came from. */
export type CheckpointSource = "base" | "sft";

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

const folders: Readonly<Record<CheckpointSource, string>> = {
  base: "base_checkpoints",
  sft: "chatsft_checkpoints",
};

/** How the files of one step are named; each pattern captures the step. */
interface Naming {
  model: RegExp;
  meta: RegExp;
  /** Captures the rank too. */
  optimizer: RegExp;
}

/** The names this package saves under, then nanochat's. */
const namings: readonly Naming[] = [
  {
    model: /^step_(\d+)_model\.pt$/,
    meta: /^step_(\d+)_meta\.json$/,
    optimizer: /^step_(\d+)_optimizer\.pt$/,
  },
  {
    model: /^model_(\d+)\.pt$/,
    meta: /^meta_(\d+)\.json$/,
    optimizer: /^optim_(\d+)_rank(\d+)\.pt$/,
  },
];

/** Whether a text can name a model's folder: one that leads nowhere else and is not hidden. */
export function isModelTag(tag: string): boolean {
  return /^[^./\\][^/\\]*$/.test(tag);
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
  return join(baseDir, folders[source], tag);
}

/**
 * Finds a checkpoint under nanochat's base directory.
 *
 * Default tag: the deepest `d{N}`, else the newest directory. Default step: the last complete one.
 *
 * @throws {UserError} if the directory, tag or step is missing or incomplete; it lists what is
 * there.
 */
export async function findCheckpoint(
  baseDir: string,
  { source, tag, step }: { source: CheckpointSource; tag?: string; step?: number },
): Promise<CheckpointFiles> {
  const parent = join(baseDir, folders[source]);
  const tags = await listDirectories(baseDir, parent);
  const chosen = tag ?? defaultTag(tags);
  const directory = checkpointDirectory(baseDir, source, chosen);
  if (!tags.has(chosen)) {
    throw new UserError(`${parent}: has no model "${chosen}"; it has ${list([...tags.keys()])}`);
  }
  const names = await Array.fromAsync(Deno.readDir(directory), (entry) => entry.name);
  const found = namings.map((naming) => groupBySteps(names, naming));
  const steps = new Set(found.flatMap((bySteps) => [...bySteps.keys()]));
  const at = (wanted: number) => {
    const candidates = found.map((bySteps) => bySteps.get(wanted)).filter((f) => f !== undefined);
    return candidates.find(({ model, meta }) => model && meta) ?? candidates[0];
  };
  const isComplete = (candidate: number) => Boolean(at(candidate)?.model && at(candidate)?.meta);
  const complete = [...steps].filter(isComplete).sort((a, b) => a - b);
  const chosenStep = step ?? complete.at(-1) ?? Math.max(...steps);
  const files = at(chosenStep);
  if (files === undefined) {
    throw new UserError(
      steps.size === 0
        ? `${directory}: holds no checkpoint (model_*.pt with meta_*.json)`
        : `${directory}: has no step ${chosenStep}; it has ${list(complete)}`,
    );
  }
  const { model, meta, optimizers } = files;
  if (model === undefined || meta === undefined) {
    throw new UserError(
      `${directory}: step ${chosenStep} is incomplete: there is ${
        model ?? meta ?? list([...optimizers.values()])
      } but no ${model ? "meta" : "model"} file; complete are ${list(complete)}`,
    );
  }
  return {
    directory,
    tag: chosen,
    step: chosenStep,
    model: join(directory, model),
    meta: join(directory, meta),
    optimizers: new Map(optimizers.entries().map(([rank, name]) => [rank, join(directory, name)])),
  };
}

/** The directories in `parent` by name, with the time they last changed. */
async function listDirectories(baseDir: string, parent: string): Promise<Map<string, number>> {
  const directories = new Map<string, number>();
  try {
    for await (const { name } of Deno.readDir(parent)) {
      // Followed, for directories that are links; a link to nothing is none.
      const info = await Deno.stat(join(parent, name)).catch(() => undefined);
      if (info?.isDirectory) directories.set(name, info.mtime?.getTime() ?? 0);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UserError(await describeMissing(baseDir, parent));
  }
  if (directories.size === 0) throw new UserError(`${parent}: holds no model`);
  return directories;
}

async function describeMissing(baseDir: string, parent: string): Promise<string> {
  try {
    const names = await Array.fromAsync(Deno.readDir(baseDir), ({ name }) => name);
    return `${parent}: no such directory; ${baseDir} holds ${list(names)}`;
  } catch {
    return `${baseDir}: no such directory; it should be nanochat's base directory, with the tokenizer and the checkpoints`;
  }
}

function defaultTag(tags: ReadonlyMap<string, number>): string {
  const depth = (tag: string) => Number(/^d(\d+)/.exec(tag)?.[1] ?? -1);
  // Deepest first, then newest, then the plain name before longer ones.
  const sorted = [...tags.keys()].sort((a, b) =>
    depth(b) - depth(a) || tags.get(b)! - tags.get(a)! || a.length - b.length
  );
  return sorted[0];
}

interface StepFiles {
  model?: string;
  meta?: string;
  optimizers: Map<number, string>;
}

function groupBySteps(names: string[], naming: Naming): Map<number, StepFiles> {
  const steps = new Map<number, StepFiles>();
  const filesOf = (step: string) => {
    const files = steps.get(Number(step)) ?? { optimizers: new Map<number, string>() };
    steps.set(Number(step), files);
    return files;
  };
  for (const name of names) {
    const [model, meta, optimizer] = [naming.model, naming.meta, naming.optimizer]
      .map((pattern) => pattern.exec(name));
    if (model) filesOf(model[1]).model = name;
    if (meta) filesOf(meta[1]).meta = name;
    if (optimizer) filesOf(optimizer[1]).optimizers.set(Number(optimizer[2] ?? 0), name);
  }
  return steps;
}

/** A few items for a message. */
function list(items: readonly (string | number)[]): string {
  if (items.length === 0) return "none";
  const shown = items.slice(0, 20).join(", ");
  return items.length > 20 ? `${shown} and ${items.length - 20} more` : shown;
}
