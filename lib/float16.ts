/**
 * float16 as devices keep it: what does not fit is cut to the largest number that does.
 *
 * @module
 */

/** The largest finite float16. */
export const LARGEST_FLOAT16 = 65504;

/**
 * Rounds float32 numbers to float16, to nearest with ties to even. Finite numbers saturate at
 * ±65504; infinity and NaN stay.
 *
 * @returns The raw 16 bits of each number.
 */
export function saturateToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const result = new Float16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    result[i] = Number.isFinite(value)
      ? Math.max(-LARGEST_FLOAT16, Math.min(LARGEST_FLOAT16, value))
      : value;
  }
  return new Uint16Array(result.buffer);
}
