import { sizeOf } from "../shapes.ts";
import {
  bytesOf,
  bytesPerElement,
  type DType,
  fromFloat32,
  isArrayOf,
  type TensorArray,
} from "./dtype.ts";

/**
 * A tensor to be written. Its `data` may be a function, called once when its turn comes: so large
 * tensors come from a GPU or another file one at a time and are never in memory together. A
 * `StoredTensor` is one too.
 */
export interface TensorSource {
  /** Type of its elements in the file. */
  dtype: DType;
  /** Size of each dimension; `[]` for a scalar. */
  shape: readonly number[];
  /**
   * The elements in row-major order: as stored (see {@linkcode TensorArray}), or a `Float32Array`,
   * which is rounded to nearest even where `dtype` is narrower.
   */
  data: TensorArray<ArrayBufferLike> | (() => Promise<TensorArray<ArrayBufferLike>>);
}

/** True for what a tree holds as a tensor. */
export function isTensorSource(value: unknown): value is TensorSource {
  return typeof value === "object" && value !== null && "dtype" in value && "shape" in value &&
    "data" in value;
}

/** Bytes that a tensor takes in a file. */
export function byteLengthOf({ dtype, shape }: TensorSource): number {
  return sizeOf(shape) * bytesPerElement(dtype);
}

/** Produces a tensor's elements and returns their bytes as stored. */
export async function bytesOfTensor(name: string, tensor: TensorSource): Promise<Uint8Array> {
  const { dtype, shape, data } = tensor;
  let array = typeof data === "function" ? await data() : data;
  if (!isArrayOf(dtype, array) && array instanceof Float32Array) array = fromFloat32(dtype, array);
  if (!isArrayOf(dtype, array) || array.length !== sizeOf(shape)) {
    throw new TypeError(
      `tensor ${name}: ${dtype} of shape [${shape}] cannot be made of a ${array.constructor.name} of ${array.length}`,
    );
  }
  return bytesOf(array);
}
