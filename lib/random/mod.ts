/**
 * The two random generators whose numbers decide the order of nanochat's training data, to the
 * last bit: Python's `random.Random` and NumPy's `default_rng`.
 *
 * @example Shuffle a list as Python does
 * ```ts
 * import { PythonRandom } from "@nanochat/sft/random";
 * import { assertEquals } from "@std/assert";
 *
 * const cards = [0, 1, 2, 3, 4];
 * new PythonRandom(42).shuffle(cards);
 * assertEquals(cards, [3, 1, 2, 4, 0]);
 * ```
 *
 * @module
 */

export { type MutableList, PythonRandom } from "./python_random.ts";
export { NumpyGenerator } from "./numpy_generator.ts";
