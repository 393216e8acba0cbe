/**
 * How a kernel sees tensors whose numbers may have 16 bits, two of which lie in a u32.
 *
 * @module
 */
import { bytesOf, type Tensor } from "../tensor.ts";

/**
 * Template values for the binding NAME of a tensor: `$NAME` is the WGSL type of its storage,
 * `$NAME_WIDEN` and `$NAME_NARROW` are functions from that to float32 and back. The kernel is made
 * with `halves.wgsl`.
 *
 * @param name Of the binding, in capitals.
 * @param tensor What is bound to it; where nothing is, it is seen as float32.
 * @param width How many numbers are taken at once: 4 of a tensor of 16 bits.
 */
export function storage<Name extends string>(
  name: Name,
  tensor: Tensor | undefined,
  width: 1 | 2 | 4,
): { [Key in Name | `${Name}_WIDEN` | `${Name}_NARROW`]: string } {
  const dtype = tensor?.dtype ?? "float32";
  const float = width === 1 ? "f32" : `vec${width}f`;
  const isHalf = bytesOf(dtype) === 2;
  if (isHalf && width !== 4) {
    throw new RangeError(`${tensor?.name} is ${dtype}, whose rows must be a multiple of 4 long`);
  }
  const values = {
    [name]: isHalf ? "vec2u" : float,
    [`${name}_WIDEN`]: isHalf ? `widen_${dtype}` : float,
    [`${name}_NARROW`]: isHalf ? `narrow_${dtype}` : float,
  };
  return values as ReturnType<typeof storage<Name>>;
}
