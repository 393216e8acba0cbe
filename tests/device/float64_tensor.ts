/** Tensors of the float64 reference device: plain arrays. */
import type { DType, Tensor } from "../../lib/device/mod.ts";
import { sizeOf } from "../../lib/shapes.ts";

export class Float64Tensor implements Tensor {
  readonly size: number;

  constructor(
    readonly name: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    readonly data: Float64Array,
  ) {
    this.size = sizeOf(shape);
  }
}

/** The numbers behind a tensor that must be this device's. */
export function data(tensor: Tensor): Float64Array {
  if (!(tensor instanceof Float64Tensor)) throw new TypeError(`${tensor.name} is not float64`);
  return tensor.data.subarray(0, tensor.size);
}
