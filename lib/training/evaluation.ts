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
import { Progress } from "../tracking/mod.ts";
import type { RunIo } from "./io.ts";

/**
 * Bits per byte over `steps` batches, with progress shown.
 *
 * @throws the signal's reason, if it was aborted.
 */
export async function validationBpb(
  pass: Pass,
  batches: Iterable<EvaluationBatch>,
  steps: number,
  tokenBytes: Int32Array,
  { terminal, signal }: Pick<RunIo, "terminal" | "signal">,
): Promise<number> {
  const progress = new Progress(terminal, { label: "Validation", total: steps, unit: "batches" });
  const onBatch = (done: number) => progress.update(done);
  try {
    return await bitsPerByte(pass, batches, steps, tokenBytes, onBatch, signal);
  } finally {
    progress.finish();
  }
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
  /** Where progress is shown, and what breaks a measurement off. */
  io: Pick<RunIo, "terminal" | "signal">;
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
  const { pass, dataset, evalTokens, tokenBytes, io } = options;
  const { B, T } = pass;
  const loader = new PackedLoader(dataset, { ...options.loader, B, T });
  const total = Math.max(1, Math.floor(evalTokens / (B * T * (options.loader.worldSize ?? 1))));
  return await validationBpb(pass, firstBatches(loader, total), total, tokenBytes, io);
}
