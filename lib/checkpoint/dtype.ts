import { bfloat16ToFloat32, float32ToBfloat16 } from "../bfloat16.ts";
import type { StoredDType, TensorArray } from "../tensor_source.ts";

const arrayTypes = {
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** Bytes that one element of `dtype` takes. */
export function bytesPerElement(dtype: StoredDType): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT;
}

/** An array of `count` zeros that holds `dtype` as stored. */
export function createArray(dtype: StoredDType, count: number): TensorArray {
  return new arrayTypes[dtype](count);
}

/** True if `array` is what holds `dtype` as stored. */
export function isArrayOf(dtype: StoredDType, array: TensorArray<ArrayBufferLike>): boolean {
  return array instanceof arrayTypes[dtype];
}

/** The bytes under an array; no copy. */
export function bytesOf<Buffer extends ArrayBufferLike>(
  array: TensorArray<Buffer>,
): Uint8Array<Buffer> {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/**
 * Rounds float32 numbers to float16, to nearest with ties to even; beyond ±65504 to infinity.
 *
 * @returns The raw 16 bits of each number.
 */
export function float32ToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  return new Uint16Array(new Float16Array(values).buffer);
}

/** Widens float16 numbers, given as raw bits, to float32; exact. */
export function float16ToFloat32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return new Float32Array(new Float16Array(bits.buffer, bits.byteOffset, bits.length));
}

/** A stored tensor's elements as float32; int64 and float64 are rounded. Float32 is not copied. */
export function toFloat32(dtype: StoredDType, array: TensorArray): Float32Array<ArrayBuffer> {
  if (array instanceof Float32Array) return array;
  if (array instanceof BigInt64Array) return Float32Array.from(array, Number);
  if (array instanceof Uint16Array) {
    return dtype === "bfloat16" ? bfloat16ToFloat32(array) : float16ToFloat32(array);
  }
  return new Float32Array(array);
}

/** Float32 elements as `dtype` stores them, rounded where it is narrower. */
export function fromFloat32(
  dtype: StoredDType,
  values: Float32Array,
): TensorArray<ArrayBufferLike> {
  switch (dtype) {
    case "float32":
      return values;
    case "bfloat16":
      return float32ToBfloat16(values);
    case "float16":
      return float32ToFloat16(values);
    case "float64":
      return new Float64Array(values);
    default:
      throw new TypeError(`float32 numbers cannot be stored as ${dtype}`);
  }
}
