/**
 * Going on with a run: everything it was told comes from its checkpoint, and what is said anew
 * takes the place of that.
 *
 * @module
 */
import { resolve } from "@std/path";
import { runIdentity } from "../checkpoint/disk/mod.ts";
import type { CheckpointMeta } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import type { Terminal } from "../tracking/mod.ts";
import { RECIPE_NAMES, type RunProgress, type SavedRun, snakeCase } from "../training/mod.ts";
import type { SftOptions } from "./options.ts";

/**
 * What is said for each start and not kept: which checkpoint, whether its optimizer, and whether the
 * GPU is measured.
 */
const OF_A_START: readonly (keyof SftOptions)[] = [
  "given",
  "resume",
  "source",
  "modelTag",
  "modelStep",
  "loadOptimizer",
  "retune",
];

/**
 * The options of a run that goes on: those it began with, but for what is said anew.
 *
 * @param options What is said now.
 * @param meta The meta file of the run's checkpoint.
 * @param path Its path, for errors.
 * @param note Told of each option that is said anew and is another.
 * @throws {UserError} naming an entry of the file that cannot be an option.
 */
export function resumedOptions(
  options: SftOptions,
  meta: CheckpointMeta,
  path: string,
  note: (line: string) => void,
): SftOptions {
  const config = Object(meta.raw.user_config) as Record<string, unknown>;
  const resumed: Record<string, unknown> = { ...options };
  for (const name of Object.keys(options) as (keyof SftOptions)[]) {
    const key = snakeCase(name), saved = config[key];
    if (OF_A_START.includes(name)) continue;
    const value = saved ?? undefined, said = options[name];
    const isSaid = options.given.includes(name);
    // A run of before there was such a share trained on all.
    if (name === "validationShare" && !(key in config) && !isSaid) resumed[name] = 0;
    if (!(key in config)) continue;
    if (!isSaid) {
      const isKnown = name !== "recipe" || RECIPE_NAMES.some((known) => known === value);
      if (!isKnown || !isOfOneKind(said, value)) {
        throw new UserError(`${path}: "${key}" cannot be ${JSON.stringify(saved)}`);
      }
      resumed[name] = value;
    } else if (JSON.stringify(absolute(name, said)) !== JSON.stringify(value)) {
      note(`NOTE: ${key}=${say(said)} takes the place of the run's ${say(value)}`);
    }
  }
  return resumed as unknown as SftOptions;
}

/** Whether a saved value may stand where `value` does; where that says nothing, all may. */
function isOfOneKind(value: unknown, saved: unknown): boolean {
  if (value === undefined || saved === undefined) return true;
  return typeof value === typeof saved && Array.isArray(value) === Array.isArray(saved);
}

function say(value: unknown): string {
  return value === undefined
    ? "default"
    : typeof value === "string"
    ? value
    : JSON.stringify(value);
}

/** Options with the paths of files as they are seen from every folder: a run may go on in another. */
export function withAbsolutePaths(options: SftOptions): SftOptions {
  const { data, mixture, validation } = options;
  return {
    ...options,
    data: absolute("data", data) as readonly string[],
    mixture: absolute("mixture", mixture) as string | undefined,
    validation: absolute("validation", validation) as string | undefined,
  };
}

function absolute(name: keyof SftOptions, value: unknown): unknown {
  if (name === "data") return (value as readonly string[]).map((path) => resolve(path));
  const isPath = name === "mixture" || name === "validation";
  return isPath && typeof value === "string" ? resolve(value) : value;
}

/**
 * Where a saved run stands in the schedule that it goes on with, which may be longer or shorter
 * than the one it began with.
 */
export function standing(
  { at, loaders }: SavedRun,
  { numIterations }: SftOptions,
  terminal: Terminal,
): RunProgress {
  // The rank that is the furthest decides for all.
  const shares = loaders.map(({ consumed, datasetLength }) => consumed / datasetLength);
  const done = numIterations > 0 ? at.step / numIterations : Math.max(...shares);
  const progress = Math.min(1, done);
  if (progress !== at.progress && at.step > 0 && progress < 1) {
    const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
    const whole = numIterations > 0 ? `${numIterations} steps` : "one epoch";
    terminal.info(
      `The learning rate follows the schedule of ${whole} from here on: step ${at.step} is ` +
        `${percent(progress)} of it, where it was ${percent(at.progress)} of the run's own`,
    );
  }
  return { ...at, progress };
}

/** Whether a saved run has nothing more to do, by what it is told now. */
export function hasEnded(
  { raw }: CheckpointMeta,
  at: RunProgress,
  { patience, numIterations }: SftOptions,
): boolean {
  const { ended, best } = runIdentity(raw) ?? {};
  if (!ended) {
    // One that was killed before its best checkpoint became its last one has that to do.
    const isBest = patience < 1 || best === undefined || best.step === at.step;
    return at.progress >= 1 && typeof raw.val_bpb === "number" && isBest;
  }
  const { step, patience: had } = ended;
  return had === undefined ? !(numIterations > step) : patience > 0 && patience <= had;
}

/** Says that a run has ended, and of one whose best checkpoint was kept, when and why. */
export function finished(
  directory: string,
  { step }: RunProgress,
  { raw }: CheckpointMeta,
): string {
  const { ended, best } = runIdentity(raw) ?? {};
  const line = `The run in ${directory} is finished: it ended with step ${ended?.step ?? step}`;
  if (!ended) return line;
  const why = ended.patience ? `, after ${ended.patience} measurements that were no better` : "";
  const bestStep = best?.step ?? step;
  const kept = bestStep === step ? "is what was kept" : `is kept beside step ${step}`;
  return `${line}${why}; its best, step ${bestStep}, ${kept}`;
}
