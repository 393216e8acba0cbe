/**
 * Norms, rotary embedding and smearing.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import { partialRows, type Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** Operations of this file. */
type Names =
  | "rmsNorm"
  | "rmsNormBackward"
  | "rotaryNorm"
  | "rotaryNormBackward"
  | "smear"
  | "smearBackward";

/** {@link Operations} on rows, in WebAssembly. */
export function normOperations(pool: Pool): Pick<Operations, Names> {
  const rmsNorm = pool.kernel("rmsNorm");
  const rmsNormBackward = pool.kernel("rmsNormBackward");
  const rotaryNorm = pool.kernel("rotaryNorm");
  const rotaryNormBackward = pool.kernel("rotaryNormBackward");
  const smear = pool.kernel("smear");
  const smearBackward = pool.kernel("smearBackward");

  return {
    rmsNorm: ({ out, x }) => {
      checkShapes(out.size === x.size, "rmsNorm", out, x);
      rmsNorm(at(out), at(x), ...rowsOf(x));
    },
    rmsNormBackward: ({ dx, dout, x, accumulate = false }) => {
      checkShapes(dx.size === x.size && dout.size === x.size, "rmsNormBackward", dx, dout, x);
      rmsNormBackward(at(dx), at(dout), at(x), accumulate, ...rowsOf(x));
    },
    rotaryNorm: ({ x, cos, sin, scale, rstd, positions }) => {
      const [, T, H, D] = x.shape, [limit, half] = rowsOf(cos);
      checkShapes(half === D / 2 && sin.size === cos.size, "rotaryNorm", x, cos, sin);
      const tensors = [at(x), at(cos), at(sin), at(rstd), at(positions)];
      rotaryNorm(...tensors, x.size / D, H, T, D, limit, scale);
    },
    rotaryNormBackward: ({ dx, y, rstd, cos, sin, scale }) => {
      const [, T, H, D] = y.shape, [limit, half] = rowsOf(cos);
      const fits = half === D / 2 && sin.size === cos.size && dx.size === y.size;
      checkShapes(fits, "rotaryNormBackward", dx, y, cos, sin);
      const tensors = [dx, y, rstd, cos, sin].map(at);
      rotaryNormBackward(...tensors, y.size / D, H, T, D, limit, scale);
    },
    smear: ({ out, x, gate, lambda, previous }) => {
      const [rows, columns] = rowsOf(x), T = x.shape[1];
      checkShapes(out.size === x.size && gate.size <= columns, "smear", out, x, gate);
      const tensors = [out, x, gate, previous, lambda].map(at);
      smear(...tensors, rows, columns, T, gate.size);
    },
    smearBackward: ({ dx, dgate, dlambda, dout, x, gate, lambda }) => {
      const [rows, columns] = rowsOf(x), T = x.shape[1];
      checkShapes(dx.size === x.size && dout.size === x.size, "smearBackward", dx, dout, x);
      const partials = pool.sharedBuffer(4 * partialRows(rows, columns) * (gate.size + 1));
      const tensors = [dx, dgate, dlambda, dout, x, gate, lambda].map(at);
      smearBackward(...tensors, partials, rows, columns, T, gate.size);
    },
  };
}
