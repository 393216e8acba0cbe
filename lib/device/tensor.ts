/**
 * A tensor as the code above a device sees it: a name, a shape and a type. Where the numbers live
 * is the device's own business.
 *
 * @module
 */

/**
 * The element types of tensors. Those of 16 bits are how numbers may be kept, on a device that has
 * them and where an operation's contract says so; arithmetic is in float32 but where a contract says
 * otherwise.
 */
export type DType = "float32" | "int32" | "bfloat16" | "float16";

/** Bytes of an element. */
export function bytesOf(dtype: DType): 2 | 4 {
  return dtype === "bfloat16" || dtype === "float16" ? 2 : 4;
}

/** A dense row-major array on a device. Made by {@link Device.allocate} and {@link Device.view}. */
export interface Tensor {
  /** What it holds, for error messages: a parameter's name or an activation's. */
  readonly name: string;
  /** Length of each dimension, outermost first. */
  readonly shape: readonly number[];
  /** Element type. */
  readonly dtype: DType;
  /** Number of elements, the product of {@link shape}. */
  readonly size: number;
}
