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
import { SINGLE } from "../ranks/mod.ts";
import { Progress } from "../tracking/mod.ts";
import type { MeasurementIo } from "./io.ts";

/**
 * Bits per byte over `steps` batches of each rank at most, with progress shown.
 *
 * @param there How many batches of a rank there are at most, where that is known to be fewer.
 * @throws the signal's reason, if it was aborted.
 */
export async function validationBpb(
  pass: Pass,
  batches: Iterable<EvaluationBatch>,
  steps: number,
  tokenBytes: Int32Array,
  { terminal, signal, ranks, stop }: MeasurementIo,
  there = steps,
): Promise<number> {
  const total = Math.min(steps, there);
  const progress = new Progress(terminal, { label: "Validation", total, unit: "batches" });
  const onBatch = (done: number) => progress.update(done);
  try {
    return await bitsPerByte(pass, batches, steps, tokenBytes, onBatch, signal, { ranks, stop });
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
  loader: Omit<PackedLoaderOptions, "B" | "T" | "state" | "rank" | "worldSize">;
  /** How many tokens all ranks measure, rounded down to whole batches of each. */
  evalTokens: number;
  /** Bytes of each token. */
  tokenBytes: Int32Array;
  /** Where progress is shown, who measures, and what breaks a measurement off. */
  io: MeasurementIo;
}

/** Batches until `steps` are given or this rank read the dataset once. */
function* firstBatches(loader: PackedLoader, steps: number): Generator<PackedBatch> {
  for (let step = 0; step < steps; step++) {
    const batch = loader.next();
    yield batch;
    if (batch.done) return;
  }
}

/**
 * Validation bits per byte of a run. Rank r of N measures conversations r, r + N, … of the dataset,
 * and none where there is none for it; nats and bytes are summed over the ranks.
 */
export async function validate(options: ValidationOptions): Promise<number> {
  const { pass, dataset, evalTokens, tokenBytes, io } = options;
  const { B, T } = pass, { rank, worldSize } = io.ranks ?? SINGLE;
  const loader = new PackedLoader(dataset, { ...options.loader, B, T, rank, worldSize });
  const total = evaluationSteps(evalTokens, pass, worldSize);
  const batches = rank < dataset.length ? firstBatches(loader, total) : [];
  // A row has one conversation at least.
  const there = Math.ceil(dataset.length / (worldSize * B));
  return await validationBpb(pass, batches, total, tokenBytes, io, there);
}

/** Batches that each rank measures for so many tokens of all: one at least. */
export function evaluationSteps(
  tokens: number,
  { B, T }: Pick<Pass, "B" | "T">,
  worldSize: number,
): number {
  return Math.max(1, Math.floor(tokens / (B * T * worldSize)));
}
