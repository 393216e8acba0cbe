/** Decoding without a cache, to compare the engine with. */
import type { GPT } from "../../lib/model/mod.ts";
import { Pass } from "../../lib/model/mod.ts";

/** Capped logits after each token of each sequence, from one forward pass over all, padded right. */
async function logitsOf(
  model: GPT,
  sequences: readonly (readonly number[])[],
): Promise<Float32Array[][]> {
  const { device, config: { vocabSize } } = model;
  const B = sequences.length, T = Math.max(...sequences.map((ids) => ids.length));
  const pass = new Pass(model, B, T);
  const x = new Int32Array(B * T);
  sequences.forEach((ids, b) => x.set(ids, b * T));
  pass.batch.write(x, new Int32Array(B * T));
  pass.forward();
  const logits = pass.head.logits(pass.final, pass.batch.index, 0, B * T);
  const values = await device.read(logits) as Float32Array;
  const V = logits.shape[1];
  pass.free();
  return sequences.map((ids, b) =>
    ids.map((_, t) => values.subarray((b * T + t) * V, (b * T + t) * V + vocabSize))
  );
}

/** Capped logits after each token of a sequence. */
export async function uncachedLogits(
  model: GPT,
  tokens: readonly number[],
): Promise<Float32Array[]> {
  return (await logitsOf(model, [tokens]))[0];
}

/** The token that the model finds most likely after each token of each sequence. */
export async function greedyTokens(
  model: GPT,
  sequences: readonly (readonly number[])[],
): Promise<number[][]> {
  const logits = await logitsOf(model, sequences);
  return logits.map((rows) => rows.map((row) => row.indexOf(Math.max(...row))));
}
