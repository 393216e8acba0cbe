/**
 * bfloat16, the upper half of float32.
 *
 * @module
 */

/**
 * Rounds float32 numbers to bfloat16, to nearest with ties to even, as PyTorch does.
 *
 * @returns The raw 16 bits of each number. NaN stays NaN, whatever its payload.
 *
 * @example
 * ```ts
 * import { float32ToBfloat16 } from "@nanochat/sft/checkpoint";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(float32ToBfloat16(Float32Array.of(1, -2)), Uint16Array.of(0x3f80, 0xc000));
 * ```
 */
export function float32ToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i];
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    // Half of the last kept place, less one where that place is even; the carry rounds up.
    result[i] = isNaN ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return result;
}

/** Widens bfloat16 numbers, given as raw bits, to float32; exact. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return new Float32Array(words.buffer);
}
