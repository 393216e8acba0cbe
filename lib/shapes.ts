/** How many elements a tensor of this shape has: the product, 1 for `[]`. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
