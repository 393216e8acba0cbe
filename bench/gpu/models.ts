/** The model that is trained and that writes, with numbers drawn at random. */
import type { GPT, ModelConfig } from "../../lib/model/mod.ts";
import { PythonRandom } from "../../lib/random/mod.ts";
import { configOf } from "../scaling/model.ts";
import type { Settings } from "./part.ts";

/** nanochat's d12; one that software trains in no time, if it should be short. */
export function benchConfig({ short }: Settings): ModelConfig {
  if (!short) return configOf(12);
  return { ...configOf(2), sequenceLen: 128, vocabSize: 512 };
}

/** Learning rates of the d12. */
export const RATES = { embeddingLr: 0.03, unembeddingLr: 0.0008, matrixLr: 0.002 };

/** Uniform numbers with the deviation of nanochat's matrices, the same ones again and again. */
export async function fillAtRandom(model: GPT): Promise<void> {
  const random = new PythonRandom(1), bound = Math.sqrt(3 / model.config.nEmbd);
  const numbers = Float32Array.from(
    { length: 2 ** 20 - 3 },
    () => bound * (2 * random.random() - 1),
  );
  await model.load((_, start, count) => {
    const values = new Float32Array(count);
    for (let filled = 0; filled < count;) {
      const next = numbers.subarray((start + filled) % numbers.length).subarray(0, count - filled);
      values.set(next, filled);
      filled += next.length;
    }
    return Promise.resolve(values);
  });
}

/** Tokens of which few are frequent, as in a text. */
export function madeUpTokens(count: number, vocabSize: number): Int32Array {
  const random = new PythonRandom(2);
  return Int32Array.from({ length: count }, () => Math.floor(vocabSize * random.random() ** 4));
}
