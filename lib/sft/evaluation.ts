/**
 * The measurements of a run: validation bits per byte, on the validation mixture from its start.
 *
 * @module
 */
import { type Batch, PackedLoader, type PackedLoaderOptions } from "../dataloader/mod.ts";
import type { ConversationDataset } from "../dataloader/mod.ts";
import { bitsPerByte } from "../eval/mod.ts";
import type { Pass } from "../model/mod.ts";
import { Progress, type Terminal } from "../tracking/mod.ts";

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
function* firstBatches(loader: PackedLoader, steps: number): Generator<Batch> {
  for (let step = 0; step < steps; step++) {
    const batch = loader.next();
    yield batch;
    if (batch.done) return;
  }
}

/** Validation bits per byte. */
export async function validate(options: ValidationOptions): Promise<number> {
  const { pass, dataset, evalTokens, tokenBytes, terminal } = options;
  const { B, T } = pass;
  const loader = new PackedLoader(dataset, { ...options.loader, B, T });
  const total = Math.max(1, Math.floor(evalTokens / (B * T * (options.loader.worldSize ?? 1))));
  const progress = new Progress(terminal, { label: "Validation", total, unit: "batches" });
  const batches = firstBatches(loader, total);
  const bpb = await bitsPerByte(pass, batches, total, tokenBytes, (done) => progress.update(done));
  progress.finish();
  return bpb;
}
