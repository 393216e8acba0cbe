/**
 * Bits per byte: the loss in a unit that does not depend on the vocabulary.
 *
 * @module
 */
import type { Readback } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import type { Pass } from "../model/mod.ts";
import { pause } from "../pause.ts";
import { type Company, together } from "../ranks/mod.ts";

/** Inputs and targets of one batch, as the dataloader gives them. */
export interface EvaluationBatch {
  /** (B·T) Tokens. */
  x: Int32Array;
  /** (B·T) Targets, −1 where there is none. */
  y: Int32Array;
}

/**
 * Σ loss in nats over counted targets / (ln 2 · Σ bytes of those targets). Targets of −1 and
 * tokens of no bytes (special ones) are left out of both sums. The losses of a batch are fetched
 * while the next one runs.
 *
 * Of several ranks, each measures batches of its own, or none, and both sums are those of all.
 *
 * @param pass A pass of the model for batches of this shape.
 * @param batches The batches to measure; `steps` of them are taken.
 * @param steps How many.
 * @param tokenBytes Bytes of each token, 0 for special tokens.
 * @param onBatch Called after each batch with the number done.
 * @param signal Breaks it off after a batch, on all ranks: its reason is thrown.
 * @param others The ranks that measure, and what stops this one with them; it is alone unless given.
 * @returns Bits per byte, the same on every rank.
 * @throws {UserError} where no target was counted, or the loss is not finite.
 */
export async function bitsPerByte(
  pass: Pass,
  batches: AsyncIterable<EvaluationBatch> | Iterable<EvaluationBatch>,
  steps: number,
  tokenBytes: Int32Array,
  onBatch: (done: number) => void = () => {},
  signal?: AbortSignal,
  others: Pick<Company, "ranks" | "stop"> = {},
): Promise<number> {
  const sums = await together({ ...others, signal }, async () => {
    const { nats, bytes } = await lossAndBytes(pass, batches, steps, tokenBytes, onBatch, signal);
    if (!Number.isFinite(nats)) throw new UserError(`the loss of what is measured is ${nats}`);
    return Float64Array.of(nats, bytes);
  });
  await others.ranks?.sum(sums);
  const [nats, bytes] = sums;
  if (bytes === 0) throw new UserError("there is no text in what is measured, so no bits per byte");
  return nats / (Math.LN2 * bytes);
}

/** The loss in nats over the counted targets of batches, float32 within each, and their bytes. */
async function lossAndBytes(
  pass: Pass,
  batches: AsyncIterable<EvaluationBatch> | Iterable<EvaluationBatch>,
  steps: number,
  tokenBytes: Int32Array,
  onBatch: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<{ nats: number; bytes: number }> {
  const { device } = pass.model;
  const lossSum = device.allocate("loss of an evaluation batch", [1]);
  let nats = 0, bytes = 0, done = 0;
  let pending: Readback | undefined;
  const collect = async () => nats += (await pending?.values())?.[0] ?? 0;
  try {
    if (steps > 0) {
      for await (const { x, y } of batches) {
        pass.batch.write(x, y, (target) => tokenBytes[target] > 0 ? 1 : 0);
        for (const target of y) if (target >= 0) bytes += tokenBytes[target];
        device.zero({ x: lossSum });
        pass.evaluate(lossSum);
        const staged = device.stage(lossSum);
        device.submit();
        await collect();
        pending = staged;
        onBatch(++done);
        await pause(signal);
        if (done >= steps) break;
      }
    }
    await collect();
  } finally {
    device.free(lossSum);
  }
  return { nats, bytes };
}
