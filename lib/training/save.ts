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
  type Optimizer,
  optimizerState,
  type ScheduleOptions,
} from "../optim/mod.ts";
import type { InheritedSettings } from "./settings.ts";
import { spelled } from "./spelling.ts";
import type { RunProgress } from "./run_progress.ts";

/** What a checkpoint of a run is made of. */
export interface RunContents {
  /** The model. */
  model: GPT;
  /** Its optimizer. */
  optimizer: Optimizer;
  /** The run's options, kept as nanochat keeps its flags. */
  options: ScheduleOptions & { given: readonly string[] };
  /** The run's settings. */
  settings: InheritedSettings;
  /** Where the run stands. */
  at: RunProgress;
  /** Where its training data stands. */
  loader: PackedLoaderState;
}

/** A run as a checkpoint of it; its tensors are read when they are written. */
export function runContents(run: RunContents): CheckpointContents {
  const { model, optimizer, options, settings, at, loader } = run;
  const { given: _, ...flags } = options;
  const multiplier = lrMultiplier(at.progress, options);
  const mu = momentumCoefficient(Math.max(0, at.step - 1));
  return {
    step: at.step,
    modelConfig: model.config,
    parts: model.parts,
    stateDict: model.stateDict(),
    optimizer: optimizerState(optimizer, { multiplier, mu }),
    meta: {
      val_bpb: null, // until it is measured
      max_seq_len: settings.maxSeqLen,
      device_batch_size: settings.deviceBatchSize,
      total_batch_size: settings.totalBatchSize,
      user_config: { ...spelled({ ...flags, ...settings }), ...openParts(model.parts) },
      run_state: { ...at, loader },
    },
  };
}

/** What `--resume` goes on with. */
export interface SavedRun {
  /** Where the run stood. */
  at: RunProgress;
  /** Where its data stood. */
  loader: PackedLoaderState;
}

/**
 * The state of a run in a checkpoint's meta file.
 *
 * @throws {UserError} when the checkpoint is not of a run of this package.
 */
export function savedRun(meta: CheckpointMeta, path: string): SavedRun {
  const state = meta.raw.run_state as Partial<RunProgress & { loader: PackedLoaderState }> | null;
  const { step, progress, smoothedLoss, trainingSeconds, loader } = { ...state };
  const at = { step, progress, smoothedLoss, trainingSeconds } as RunProgress;
  if (!isLoaderState(loader) || !Object.values(at).every(Number.isFinite)) {
    throw new UserError(`${path}: holds no run to go on with`, { detail: { kind: "noRun" } });
  }
  return { at, loader };
}

/** Whether a value of a file says where a loader stands. */
function isLoaderState(value: unknown): value is PackedLoaderState {
  const { datasetLength, cursor, consumed, epoch, buffer } = Object(value);
  const isIndex = (index: unknown) => Number.isSafeInteger(index) && Number(index) >= 0;
  return [datasetLength, cursor, consumed, epoch].every(isIndex) && Array.isArray(buffer) &&
    buffer.every((index) => isIndex(index) && index < datasetLength);
}
