/**
 * Norms of rows.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** Norm {@link Operations} in WebAssembly. */
export function normOperations(pool: Pool): Pick<Operations, "rmsNorm" | "rmsNormBackward"> {
  const rmsNorm = pool.kernel("rmsNorm");
  const rmsNormBackward = pool.kernel("rmsNormBackward");

  return {
    rmsNorm: ({ out, x }) => {
      checkShapes(out.size === x.size, "rmsNorm", out, x);
      rmsNorm(at(out), at(x), ...rowsOf(x));
    },
    rmsNormBackward: ({ dx, dout, x, accumulate = false }) => {
      checkShapes(dx.size === x.size && dout.size === x.size, "rmsNormBackward", dx, dout, x);
      rmsNormBackward(at(dx), at(dout), at(x), accumulate, ...rowsOf(x));
    },
  };
}
