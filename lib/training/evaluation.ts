/**
 * Validation bits per byte; of a fine-tuning run, on the validation mixture from its start.
 *
 * @module
 */
import {
  type ConversationDataset,
  type PackedBatch,
  PackedLoader,
  type PackedLoaderOptions,
} from "../dataloader/mod.ts";
import { bitsPerByte, type EvaluationBatch } from "../eval/mod.ts";
import type { Pass } from "../model/mod.ts";
import { Progress, type Terminal } from "../tracking/mod.ts";

/** Bits per byte over `steps` batches, with progress shown. */
export async function validationBpb(
  pass: Pass,
  batches: Iterable<EvaluationBatch>,
  steps: number,
  tokenBytes: Int32Array,
  terminal: Terminal,
): Promise<number> {
  const progress = new Progress(terminal, { label: "Validation", total: steps, unit: "batches" });
  const onBatch = (done: number) => progress.update(done);
  const bpb = await bitsPerByte(pass, batches, steps, tokenBytes, onBatch);
  progress.finish();
  return bpb;
}

/** What {@link validate} measures with. */
export interface ValidationOptions {
  /** The model's pass. */
  pass: Pass;
  /** The validation mixture. */
  dataset: ConversationDataset;
  /** How it is packed. */
  loader: Omit<PackedLoaderOptions, "B" | "T" | "state">;
  /** How many tokens are measured, rounded down to whole batches. */
  evalTokens: number;
  /** Bytes of each token. */
  tokenBytes: Int32Array;
  /** Where progress is shown. */
  terminal: Terminal;
}

/** Batches until `steps` are given or the dataset was read once. */
function* firstBatches(loader: PackedLoader, steps: number): Generator<PackedBatch> {
  for (let step = 0; step < steps; step++) {
    const batch = loader.next();
    yield batch;
    if (batch.done) return;
  }
}

/** Validation bits per byte of a run. */
export async function validate(options: ValidationOptions): Promise<number> {
  const { pass, dataset, evalTokens, tokenBytes, terminal } = options;
  const { B, T } = pass;
  const loader = new PackedLoader(dataset, { ...options.loader, B, T });
  const total = Math.max(1, Math.floor(evalTokens / (B * T * (options.loader.worldSize ?? 1))));
  return await validationBpb(pass, firstBatches(loader, total), total, tokenBytes, terminal);
}
