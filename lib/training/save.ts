/**
 * Saving a run, so that nanochat can load the model and this package can go on with the run.
 *
 * @module
 */
import type { CheckpointContents } from "../checkpoint/disk/mod.ts";
import { type CheckpointMeta, openParts } from "../checkpoint/mod.ts";
import type { PackedLoaderState } from "../dataloader/mod.ts";
import { UserError } from "../errors.ts";
import type { GPT } from "../model/mod.ts";
import {
  lrMultiplier,
  momentumCoefficient,
  Optimizer,
  optimizerState,
  type ScheduleOptions,
  type ShardedOptimizer,
  ShardStates,
} from "../optim/mod.ts";
import { gatherTexts, type Ranks } from "../ranks/mod.ts";
import type { RunProgress } from "./run_progress.ts";
import type { InheritedSettings } from "./settings.ts";
import { spelled } from "./spelling.ts";

/** What ranks save together. */
export interface RankContents extends CheckpointContents {
  /** Where several share the optimizer: how the one that writes reads what the others have. */
  shards?: ShardStates;
}

/** A run's optimizer as a checkpoint has it; its tensors are read when they are written. */
export function optimizerContents(
  optimizer: Optimizer | ShardedOptimizer,
  { step, progress }: RunProgress,
  schedule: ScheduleOptions,
): Pick<RankContents, "optimizer" | "shards"> {
  const now = {
    multiplier: lrMultiplier(progress, schedule),
    mu: momentumCoefficient(Math.max(0, step - 1)),
  };
  if (optimizer instanceof Optimizer) return { optimizer: optimizerState(optimizer, now) };
  const shards = new ShardStates(optimizer, now);
  return { optimizer: shards.states, shards };
}

/** What a checkpoint of a run is made of. */
export interface RunContents {
  /** The model. */
  model: GPT;
  /** Its optimizer. */
  optimizer: Optimizer | ShardedOptimizer;
  /** The run's options, kept as nanochat keeps its flags. */
  options: ScheduleOptions & { given: readonly string[] };
  /** The run's settings. */
  settings: InheritedSettings;
  /** Where the run stands. */
  at: RunProgress;
  /** Where each rank's training data stands. */
  loaders: readonly PackedLoaderState[];
}

/** A run as a checkpoint of it; its tensors are read when they are written. */
export function runContents(run: RunContents): RankContents {
  const { model, optimizer, options, settings, at, loaders } = run;
  const { given: _, ...flags } = options;
  return {
    step: at.step,
    modelConfig: model.config,
    parts: model.parts,
    stateDict: model.stateDict(),
    ...optimizerContents(optimizer, at, options),
    meta: {
      val_bpb: null, // until it is measured
      max_seq_len: settings.maxSeqLen,
      device_batch_size: settings.deviceBatchSize,
      total_batch_size: settings.totalBatchSize,
      compute_dtype: model.dtype,
      user_config: { ...spelled({ ...flags, ...settings }), ...openParts(model.parts) },
      run_state: { ...at, ...loaders.length === 1 ? { loader: loaders[0] } : { loaders } },
    },
  };
}

/** Where each rank's training data stands, on all ranks. */
export async function gatherLoaders(
  ranks: Ranks,
  own: PackedLoaderState,
): Promise<PackedLoaderState[]> {
  return (await gatherTexts(ranks, JSON.stringify(own))).map((text) => JSON.parse(text));
}

/** What `--resume` goes on with. */
export interface SavedRun {
  /** Where the run stood. */
  at: RunProgress;
  /** Where the data of each of its ranks stood. */
  loaders: readonly PackedLoaderState[];
}

/**
 * The state of a run in a checkpoint's meta file.
 *
 * @throws {UserError} when the checkpoint is not of a run of this package.
 */
export function savedRun(meta: CheckpointMeta, path: string): SavedRun {
  const state = Object(meta.raw.run_state) as Partial<RunProgress> & Record<string, unknown>;
  const { step, progress, smoothedLoss, trainingSeconds, loader, loaders = [loader] } = state;
  const at = { step, progress, smoothedLoss, trainingSeconds } as RunProgress;
  const { lossScale } = state, isScale = lossScale === undefined || isLossScale(lossScale);
  if (!areOfOneRun(loaders) || !Object.values(at).every(Number.isFinite) || !isScale) {
    throw new UserError(`${path}: holds no run to go on with`, { detail: { kind: "noRun" } });
  }
  return { at: lossScale ? { ...at, lossScale } : at, loaders };
}

/** Whether a value of a file says where a loss scale stands. */
function isLossScale(state: unknown): boolean {
  const { value, steps } = Object(state);
  return Number.isFinite(value) && value >= 1 && Number.isSafeInteger(steps) && steps >= 0;
}

/** Whether a value of a file says where the loaders of one run stand. */
function areOfOneRun(value: unknown): value is PackedLoaderState[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isLoaderState)) return false;
  const [first] = value;
  return value.every(({ datasetLength, checksum }) =>
    datasetLength === first.datasetLength && checksum === first.checksum
  );
}

/** Whether a value of a file says where a loader stands. */
function isLoaderState(value: unknown): value is PackedLoaderState {
  const { datasetLength, cursor, consumed, epoch, buffer } = Object(value);
  const isIndex = (index: unknown) => Number.isSafeInteger(index) && Number(index) >= 0;
  return [datasetLength, cursor, consumed, epoch].every(isIndex) && Array.isArray(buffer) &&
    buffer.every((index) => isIndex(index) && index < datasetLength);
}
