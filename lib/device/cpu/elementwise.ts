/**
 * Operations element by element, and sums over all elements.
 *
 * @module
 */
import type { Coefficient, Operations } from "../operations.ts";
import { checkShapes } from "../shapes.ts";
import type { Tensor } from "../tensor.ts";
import type { CpuMemory } from "./memory.ts";
import type { Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** Operations of this file. */
type Names = "zero" | "copy" | "combine" | "combineBackward" | "softcap" | "sum" | "checkFinite";

/** Bytes for the sums of chunks: a float64 for each 16,384 elements. */
const partialBytes = (size: number) => 8 * Math.ceil(size / 16384);

/** Elementwise {@link Operations} in WebAssembly. */
export function elementwiseOperations(pool: Pool, memory: CpuMemory): Pick<Operations, Names> {
  const zero = pool.kernel("zero");
  const copy = pool.kernel("copy");
  const combine = pool.kernel("combine");
  const combineBackward = pool.kernel("combineBackward");
  const softcap = pool.kernel("softcap");
  const sumProducts = pool.kernel("sumProducts");
  const checkFinite = pool.kernel("checkFinite");

  const sign = (c: Coefficient) => c !== 1 && c.negate ? -1 : 1;
  const value = (c: Coefficient) =>
    c === 1 ? 1 : sign(c) * memory.number(at(c.tensor) + 4 * c.index);
  /** Address of a coefficient's gradient; 0 if none is wanted. */
  const gradient = (tensor: Tensor | undefined, c: Coefficient) =>
    tensor === undefined || c === 1 ? 0 : at(tensor) + 4 * c.index;
  const checkSizes = (operation: string, ...tensors: Tensor[]) =>
    checkShapes(tensors.every(({ size }) => size === tensors[0].size), operation, ...tensors);

  return {
    zero: ({ x }) => void zero(at(x), x.size),
    copy: ({ out, x }) => {
      checkSizes("copy", out, x);
      copy(at(out), at(x), x.size);
    },
    combine: ({ out, x, y, a, b }) => {
      checkSizes("combine", out, x, y);
      combine(at(out), at(x), at(y), value(a), value(b), x.size);
    },
    combineBackward: ({ dx, dy, da, db, dout, x, y, a, b, overwriteDy = false }) => {
      checkSizes("combineBackward", dx, dy, dout, x, y);
      const gradients = [at(dx), at(dy), gradient(da, a), gradient(db, b)];
      const factors = [value(a), value(b), sign(a), sign(b)];
      const partials = pool.sharedBuffer(partialBytes(x.size));
      const inputs = [at(dout), at(x), at(y)];
      combineBackward(...gradients, ...inputs, ...factors, overwriteDy, partials, x.size);
    },
    softcap: ({ x, cap }) => void softcap(at(x), cap, x.size),
    sum: ({ out, x, weights, scale }) => {
      if (weights) checkSizes("sum", x, weights);
      const partials = pool.sharedBuffer(partialBytes(x.size));
      sumProducts(at(out), at(x), at(weights), scale, partials, x.size);
    },
    checkFinite: ({ x, flag }) => void checkFinite(at(x), at(flag), x.size),
  };
}
