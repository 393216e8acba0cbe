/**
 * Tensors on their way into a file, wherever their values lie: on a device, in another file, or in
 * memory.
 *
 * @module
 */

/** Element types of tensors in files, named as PyTorch names them. */
export type StoredDType =
  | "float32"
  | "float16"
  | "bfloat16"
  | "float64"
  | "int32"
  | "int64"
  | "uint8"
  | "bool";

/**
 * A tensor's elements as stored: float16 and bfloat16 are the raw 16 bits of each number, bool is
 * one byte (0 or 1).
 */
export type TensorArray<Buffer extends ArrayBufferLike = ArrayBuffer> =
  | Float32Array<Buffer>
  | Float64Array<Buffer>
  | Int32Array<Buffer>
  | BigInt64Array<Buffer>
  | Uint16Array<Buffer>
  | Uint8Array<Buffer>;

/**
 * A tensor to be written, whose values come slice by slice when its turn comes: so of a model no
 * more than one tensor stands in memory.
 */
export interface TensorSource {
  /** Type of its elements in the file. */
  readonly dtype: StoredDType;
  /** Size of each dimension; `[]` for a scalar. */
  readonly shape: readonly number[];
  /**
   * Reads `count` elements from the `start`th on, in row-major order: as stored, or a
   * `Float32Array`, which is rounded to nearest even where `dtype` is narrower.
   */
  read(start: number, count: number): Promise<TensorArray<ArrayBufferLike>>;
}

/** A tensor whose elements are in memory: as stored, or a `Float32Array` to be rounded. */
export function tensorFromArray(
  dtype: StoredDType,
  shape: readonly number[],
  array: TensorArray<ArrayBufferLike>,
): TensorSource {
  return {
    dtype,
    shape,
    read: (start, count) => Promise.resolve(array.subarray(start, start + count)),
  };
}

/** Elements of a slice: 16 MiB of float32. */
const SLICE = 4 << 20;

/** The slices in which a tensor of so many elements is read. */
export function* slices(size: number): Generator<{ start: number; count: number }> {
  for (let start = 0; start < size; start += SLICE) {
    yield { start, count: Math.min(SLICE, size - start) };
  }
}
