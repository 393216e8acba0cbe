import { join } from "@std/path";
import { completeSteps, type StepFiles } from "../layout.ts";
import { readMeta } from "./open.ts";

/** What was measured of a model, in nanochat's spelling. */
export interface BitsPerByte {
  /** Bits per byte of the validation mixture. */
  val_bpb?: number;
  /** Those of the user's own conversations beside it. */
  val_own_bpb?: number;
}

/** The number that tells a run's best model: own conversations count where they are measured. */
export function decidingBpb({ val_bpb, val_own_bpb }: BitsPerByte): number | undefined {
  return val_own_bpb ?? val_bpb;
}

/**
 * Which run a checkpoint is of, as its meta file says under `run`. A run that is gone on with stays
 * the same one.
 */
export interface RunIdentity {
  /** Tells it from all others. */
  id: string;
  /** When it began, in ISO 8601: later than every run that was there before. */
  began: string;
  /** Its best checkpoint by validation so far. */
  best?: BitsPerByte & {
    /** The step. */
    step: number;
  };
  /** How many measurements in a row were not better since; of a run that ends after some. */
  waited?: number;
  /** Where it ended, if this is its best checkpoint and later ones were given up for it. */
  ended?: {
    /** The last step. */
    step: number;
    /** How many measurements had not been better, if that was why. */
    patience?: number;
  };
}

/** The complete checkpoints of one run in a directory. */
export interface CheckpointRun {
  /** Which run; undefined for those that do not say, such as nanochat's, which count as one. */
  identity: RunIdentity | undefined;
  /** Their files, by names in the directory, in the order of their steps. */
  steps: StepFiles[];
}

/** What is read of a meta file to tell runs apart. */
interface Origin {
  run: RunIdentity | undefined;
  saved: number;
}

/**
 * The runs that have checkpoints in a directory, the newest last.
 *
 * Those that say which run they are of are in the order in which the runs began. Those that do not
 * count as one run, as new as the last of its files: newer than the others only if it was written
 * after the last checkpoint of these was saved. Where the times of the files are not those of saving
 * (a copy of the folder), it is the oldest.
 *
 * @param names The names of the directory's files.
 */
export async function runsIn(
  directory: string,
  names: readonly string[],
): Promise<CheckpointRun[]> {
  const runs = new Map<string | undefined, CheckpointRun & { last: Origin }>();
  const complete = completeSteps(names);
  const origins = await Promise.all(complete.map(({ meta }) => originOf(join(directory, meta))));
  for (const [i, files] of complete.entries()) {
    const identity = origins[i].run;
    const steps = [...runs.get(identity?.id)?.steps ?? [], files];
    runs.set(identity?.id, { identity, steps, last: origins[i] });
  }
  const unnamed = runs.get(undefined);
  const named = [...runs.values()].filter((run) => run !== unnamed)
    .sort((a, b) => Date.parse(a.identity!.began) - Date.parse(b.identity!.began));
  if (unnamed === undefined) return named;
  const newest = named.at(-1);
  if (newest === undefined) return [unnamed];
  const modified = (files: StepFiles[]) => lastModified(directory, files);
  const isOriginal = await modified(newest.steps.slice(-1)) === newest.last.saved;
  const isNewest = isOriginal && await modified(unnamed.steps) > newest.last.saved;
  return isNewest ? [...named, unnamed] : [unnamed, ...named];
}

async function originOf(path: string): Promise<Origin> {
  // One that is damaged says nothing; whoever opens that checkpoint is told.
  const raw: Readonly<Record<string, unknown>> = await readMeta(path).then(
    ({ raw }) => raw,
    () => ({}),
  );
  return { run: runIdentity(raw), saved: Date.parse(String(raw.saved)) };
}

/** The run that a meta file names, if it names one. */
export function runIdentity(raw: Readonly<Record<string, unknown>>): RunIdentity | undefined {
  const run = raw.run as Partial<RunIdentity> | null | undefined;
  if (typeof run?.id !== "string" || !Number.isFinite(Date.parse(String(run.began)))) {
    return undefined;
  }
  return run as RunIdentity;
}

/** When the last of the models was written, in milliseconds. */
async function lastModified(directory: string, files: StepFiles[]): Promise<number> {
  const times = await Promise.all(files.map(async ({ model }) => {
    // One that has just been removed is none.
    const info = await Deno.stat(join(directory, model)).catch(() => undefined);
    return info?.mtime?.getTime() ?? 0;
  }));
  return times.reduce((a, b) => Math.max(a, b), 0);
}
