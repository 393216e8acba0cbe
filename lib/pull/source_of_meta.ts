/**
 * Which kind of training a model came from, as its meta file tells: a repository of one model rarely
 * says it otherwise.
 *
 * @module
 */
import type { CheckpointSource } from "../checkpoint/mod.ts";

/** A kind, and what of the meta file tells it. */
export interface KnownSource {
  /** The kind. */
  source: CheckpointSource;
  /** What tells, after "its meta file". */
  because: string;
}

/** The kind that a meta file is of; each script of nanochat writes other entries. */
export function sourceOfMeta(raw: Readonly<Record<string, unknown>>): KnownSource {
  if (raw.step === undefined || raw.step === null) return { source: "rl", because: "has no step" };
  // This package's, which has sizes of batches as those of pretraining do.
  if (raw.run_state !== undefined) return { source: "sft", because: "has a run's state" };
  if (raw.device_batch_size !== undefined || raw.max_seq_len !== undefined) {
    return { source: "base", because: "has the sizes of pretraining's batches" };
  }
  if (raw.user_config === undefined) {
    return { source: "sft", because: "has no user_config" };
  }
  return "window_pattern" in Object(raw.model_config)
    ? { source: "sft", because: "has a window_pattern and no sizes of pretraining's batches" }
    : { source: "mid", because: "has neither a window_pattern nor sizes of pretraining's batches" };
}
