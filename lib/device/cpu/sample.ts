/**
 * Sampling, in TypeScript: a row of logits is small beside the weights that made it.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { NOT_NUMBERS, type SamplingArgs } from "../sampling.ts";
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
  if (best === NOT_NUMBERS || temperature === 0) return best;
  const weights = new Float64Array(logits.length);
  for (let i = 0; i < logits.length; i++) {
    weights[i] = Math.exp((logits[i] - logits[best]) / temperature);
  }
  if (topK > 0 || topP < 1) keepPrefix(weights, topK, topP);
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

/** The place of the largest logit, or {@link NOT_NUMBERS}. */
function largest(logits: Float32Array): number {
  let best = 0;
  for (let i = 0; i < logits.length; i++) {
    if (!(logits[i] < Infinity)) return NOT_NUMBERS;
    if (logits[i] > logits[best]) best = i;
  }
  return logits[best] > -Infinity ? best : NOT_NUMBERS;
}

/** Sets the weights of all but the most likely to 0, by topK and then topP. */
function keepPrefix(weights: Float64Array, topK: number, topP: number): void {
  const descending = topK > 0
    ? largestValues(weights, Math.min(topK, weights.length))
    : weights.toSorted().reverse();
  const limit = topP * descending.reduce((sum, weight) => sum + weight, 0);
  let count = 0, reached = 0;
  while (count < descending.length && reached < limit) reached += descending[count++];
  const least = descending[Math.max(0, count - 1)];
  // Of those equal to the least, the first are kept.
  let equal = Math.max(1, count) - descending.indexOf(least);
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] < least || weights[i] === least && equal-- <= 0) weights[i] = 0;
  }
}

/** The largest of many values, in descending order, without sorting the rest. */
function largestValues(values: Float64Array, count: number): Float64Array {
  const kept = new Float64Array(count).fill(-Infinity);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    let place = count - 1;
    if (!(value > kept[place])) continue;
    for (; place > 0 && kept[place - 1] < value; place--) kept[place] = kept[place - 1];
    kept[place] = value;
  }
  return kept;
}
