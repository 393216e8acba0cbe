/**
 * Norms of rows.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** Operations of this file. */
type Names = "rmsNorm" | "combineNorm" | "rmsNormBackward";

/** Norm {@link Operations} in WebAssembly, where `combine` is that of {@link Operations}. */
export function normOperations(
  pool: Pool,
  { combine }: Pick<Operations, "combine">,
): Pick<Operations, Names> {
  const rmsNorm = pool.kernel("rmsNorm");
  const rmsNormBackward = pool.kernel("rmsNormBackward");

  const normalize: Operations["rmsNorm"] = ({ out, x }) => {
    checkShapes(out.size === x.size, "rmsNorm", out, x);
    rmsNorm(at(out), at(x), ...rowsOf(x));
  };

  return {
    rmsNorm: (args) => normalize(args),
    combineNorm: ({ normed, ...sum }) => {
      combine(sum);
      normalize({ out: normed, x: sum.out });
    },
    rmsNormBackward: ({ dx, dout, x, accumulate = false }) => {
      checkShapes(dx.size === x.size && dout.size === x.size, "rmsNormBackward", dx, dout, x);
      rmsNormBackward(at(dx), at(dout), at(x), accumulate, ...rowsOf(x));
    },
  };
}
