import { UserError } from "../errors.ts";

/**
 * Which kind of training a checkpoint came from: pretraining, nanochat's midtraining (until January
 * 2026), fine-tuning, or reinforcement learning.
 */
export type CheckpointSource = "base" | "mid" | "sft" | "rl";

/** The folders of nanochat's base directory in which checkpoints lie, each in one named by its tag. */
export const CHECKPOINT_FOLDERS: Readonly<Record<CheckpointSource, string>> = {
  base: "base_checkpoints",
  mid: "mid_checkpoints",
  sft: "chatsft_checkpoints",
  rl: "chatrl_checkpoints",
};

/** Every kind, in the order of training. */
export const CHECKPOINT_SOURCES = Object.keys(CHECKPOINT_FOLDERS) as readonly CheckpointSource[];

/** A folder of fine-tuned models of nanochat from 31 January 2026, the one day that it had this name. */
const SFT_FOLDER_OF_A_DAY = "sft_checkpoints";

/** The folders in which checkpoints of a kind may lie; those of the first are preferred. */
export function checkpointFolders(source: CheckpointSource): string[] {
  const folder = CHECKPOINT_FOLDERS[source];
  return source === "sft" ? [folder, SFT_FOLDER_OF_A_DAY] : [folder];
}

/** Whether a text can be a model's tag: the name of a folder that is not hidden. */
export function isModelTag(tag: string): boolean {
  return /^[^./\\][^/\\]*$/.test(tag);
}

/** The tag that is meant where none is named: the deepest `d{N}`, else the newest. */
export function defaultTag(times: ReadonlyMap<string, number>): string {
  const depth = (tag: string) => Number(/^d(\d+)/.exec(tag)?.[1] ?? -1);
  // Deepest first, then newest, then the plain name before longer ones.
  const sorted = [...times.keys()].sort((a, b) =>
    depth(b) - depth(a) || times.get(b)! - times.get(a)! || a.length - b.length
  );
  return sorted[0];
}

/** How the files of one step are named; each pattern captures the step. */
interface Naming {
  model: RegExp;
  meta: RegExp;
  /** Captures the rank too, which files of one process may lack, and nanochat's until 13 November 2025. */
  optimizer: RegExp;
}

/** The names this package saves under, then nanochat's. */
const namings: readonly Naming[] = [
  {
    model: /^step_(\d+)_model\.pt$/,
    meta: /^step_(\d+)_meta\.json$/,
    optimizer: /^step_(\d+)_optimizer(?:_rank(\d+))?\.pt$/,
  },
  {
    model: /^model_(\d+)\.pt$/,
    meta: /^meta_(\d+)\.json$/,
    // Without a rank until November 2025: the first process's.
    optimizer: /^optim_(\d+)(?:_rank(\d+))?\.pt$/,
  },
];

/** The files of one complete step of a checkpoint, by their names in its directory. */
export interface StepFiles {
  /** The optimizer step they were saved at. */
  step: number;
  /** The state dict. */
  model: string;
  /** The JSON with the model's configuration. */
  meta: string;
  /** The optimizer's state by rank; empty if it was not saved. */
  optimizers: ReadonlyMap<number, string>;
}

/**
 * The steps in a checkpoint's directory that are complete, ascending, whichever names they were
 * saved under.
 *
 * @param names The names of the directory's files.
 */
export function completeSteps(names: readonly string[]): StepFiles[] {
  return [...foundSteps(names)]
    .flatMap(([step, { model, meta, optimizers }]) =>
      model && meta ? [{ step, model, meta, optimizers }] : []
    )
    .sort((a, b) => a.step - b.step);
}

/**
 * Picks the files of a step out of a checkpoint's directory, whichever names they were saved under.
 *
 * @param names The names of the directory's files.
 * @param directory What error messages call it.
 * @param step The step; the last complete one unless given.
 * @throws {UserError} if the step is missing or incomplete; it lists what is there.
 */
export function filesOfStep(names: readonly string[], directory: string, step?: number): StepFiles {
  const found = foundSteps(names);
  const complete = completeSteps(names).map(({ step }) => step);
  const chosenStep = step ?? complete.at(-1) ??
    [...found.keys()].reduce((a, b) => Math.max(a, b), 0);
  const files = found.get(chosenStep);
  if (files === undefined) {
    throw new UserError(
      found.size === 0
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
  return { step: chosenStep, model, meta, optimizers };
}

/** The names of a step's files, under every scheme. */
export function namesOfStep(names: readonly string[], step: number): string[] {
  return namesWithStep(names, step, ({ model, meta, optimizer }) => [model, meta, optimizer]);
}

/** The names of the files with a step's optimizer state, under every scheme. */
export function optimizersOfStep(names: readonly string[], step: number): string[] {
  return namesWithStep(names, step, ({ optimizer }) => [optimizer]);
}

function namesWithStep(
  names: readonly string[],
  step: number,
  patterns: (naming: Naming) => RegExp[],
): string[] {
  return names.filter((name) =>
    namings.flatMap(patterns).some((pattern) => Number(pattern.exec(name)?.[1] ?? NaN) === step)
  );
}

/** What there is of each step, under the first scheme that is complete. */
function foundSteps(names: readonly string[]): Map<number, FoundFiles> {
  const steps = new Map<number, FoundFiles>();
  for (const naming of namings) {
    for (const [step, files] of groupBySteps(names, naming)) {
      const before = steps.get(step);
      const isBetter = files.model && files.meta && !(before?.model && before?.meta);
      if (before === undefined || isBetter) steps.set(step, files);
    }
  }
  return steps;
}

/** What was found of a step. */
interface FoundFiles {
  model?: string;
  meta?: string;
  optimizers: Map<number, string>;
}

function groupBySteps(names: readonly string[], naming: Naming): Map<number, FoundFiles> {
  const steps = new Map<number, FoundFiles>();
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
    if (optimizer) addOptimizer(filesOf(optimizer[1]).optimizers, name, optimizer[2]);
  }
  // Directories are listed in any order.
  for (const files of steps.values()) {
    files.optimizers = new Map([...files.optimizers].sort(([a], [b]) => a - b));
  }
  return steps;
}

/** Notes a file with optimizer state. One without a rank is rank 0's, unless others name theirs. */
function addOptimizer(optimizers: Map<number, string>, name: string, rank?: string): void {
  const isRanked = [...optimizers.values()].some((other) => other.includes("_rank"));
  if (rank === undefined && isRanked) return;
  if (rank !== undefined && !isRanked) optimizers.clear();
  optimizers.set(Number(rank ?? 0), name);
}

/** The step in the name of a meta file, whichever naming it has. */
export function stepOfMeta(path: string): number | undefined {
  const name = path.replace(/^.*[/\\]/, "");
  const step = namings.map(({ meta }) => meta.exec(name)?.[1]).find((digits) => digits);
  return step === undefined ? undefined : Number(step);
}

/** A few items for a message. */
export function list(items: readonly (string | number)[]): string {
  if (items.length === 0) return "none";
  const shown = items.slice(0, 20).join(", ");
  return items.length > 20 ? `${shown} and ${items.length - 20} more` : shown;
}
