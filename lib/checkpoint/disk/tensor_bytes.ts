import { sizeOf } from "../../shapes.ts";
import { slices, type TensorSource } from "../../tensor_source.ts";
import { bytesOf, bytesPerElement, fromFloat32, isArrayOf } from "../dtype.ts";

/** True for what a tree holds as a tensor. */
export function isTensorSource(value: unknown): value is TensorSource {
  return typeof value === "object" && value !== null && "dtype" in value && "shape" in value &&
    "read" in value;
}

/** Bytes that a tensor takes in a file. */
export function byteLengthOf({ dtype, shape }: TensorSource): number {
  return sizeOf(shape) * bytesPerElement(dtype);
}

/** Reads a tensor's elements slice by slice and gives their bytes as stored. */
export async function* bytesOfTensor(
  name: string,
  tensor: TensorSource,
): AsyncGenerator<Uint8Array> {
  const { dtype, shape } = tensor;
  for (const { start, count } of slices(sizeOf(shape))) {
    let array = await tensor.read(start, count);
    if (!isArrayOf(dtype, array) && array instanceof Float32Array) {
      array = fromFloat32(dtype, array);
    }
    if (!isArrayOf(dtype, array) || array.length !== count) {
      throw new TypeError(
        `tensor ${name}: ${count} elements of ${dtype} in shape [${shape}] cannot be made of a ${array.constructor.name} of ${array.length}`,
      );
    }
    yield bytesOf(array) as Uint8Array;
  }
}
