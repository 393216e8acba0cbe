/**
 * Sampling, in TypeScript: a row of logits is small beside the weights that made it.
 *
 * @module
 */
import type { Operations, SamplingArgs } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { CpuMemory } from "./memory.ts";
import { at } from "./tensor.ts";

/** How {@link choose} chooses. */
type Choice = Pick<SamplingArgs, "temperature" | "topK" | "topP" | "minP">;

/** {@link Operations.sample} on the calling thread. */
export function sampleOperations(memory: CpuMemory): Pick<Operations, "sample"> {
  return {
    sample: ({ out, logits, vocabSize, uniforms, ...choice }) => {
      const [rows, columns] = rowsOf(logits);
      const fits = out.size >= rows && uniforms.size >= rows && vocabSize <= columns;
      checkShapes(fits, "sample", out, logits, uniforms);
      const tokens = memory.int32(at(out), rows);
      for (let b = 0; b < rows; b++) {
        const row = memory.float32(at(logits) + 4 * b * columns, vocabSize);
        tokens[b] = choose(row, memory.number(at(uniforms) + 4 * b), choice);
      }
    },
  };
}

/** The token of one row. */
function choose(logits: Float32Array, uniform: number, choice: Choice): number {
  const { temperature, topK, topP, minP } = choice;
  const best = largest(logits);
  if (temperature === 0) return best;
  const weights = Float64Array.from(logits, (z) => Math.exp((z - logits[best]) / temperature));
  if (topK > 0 || topP < 1) keepPrefix(logits, weights, topK, topP);
  let mass = 0, last = best;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] < minP) weights[i] = 0;
    mass += weights[i];
    if (weights[i] > 0) last = i;
  }
  const threshold = uniform * mass;
  let cumulative = 0;
  for (let i = 0; i < weights.length; i++) {
    cumulative += weights[i];
    if (cumulative > threshold) return i;
  }
  return last;
}

function largest(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/** Sets the weights of all but the most likely to 0, by topK and then topP. */
function keepPrefix(
  logits: Float32Array,
  weights: Float64Array,
  topK: number,
  topP: number,
): void {
  const order = Uint32Array.from(logits, (_, i) => i);
  order.sort((i, j) => logits[j] - logits[i] || i - j);
  const kept = topK > 0 ? order.subarray(0, topK) : order;
  const limit = topP * kept.reduce((sum, i) => sum + weights[i], 0);
  let count = 0, reached = 0;
  while (count < kept.length && reached < limit) reached += weights[kept[count++]];
  order.subarray(Math.max(1, count)).forEach((i) => weights[i] = 0);
}
