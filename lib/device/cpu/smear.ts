/**
 * Smearing: every row takes some of the row before it.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import { partialRows, type Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** Smearing {@link Operations} in WebAssembly. */
export function smearOperations(pool: Pool): Pick<Operations, "smear" | "smearBackward"> {
  const smear = pool.kernel("smear");
  const smearBackward = pool.kernel("smearBackward");

  return {
    smear: ({ out, x, gate, lambda, previous, starts }) => {
      const [rows, columns] = rowsOf(x), T = x.shape[1];
      const fits = out.size === x.size && gate.size <= columns && (starts?.size ?? rows) === rows;
      checkShapes(fits, "smear", out, x, gate);
      const tensors = [out, x, gate, previous, starts, lambda].map(at);
      smear(...tensors, rows, columns, T, gate.size);
    },
    smearBackward: ({ dx, dgate, dlambda, dout, x, gate, lambda, starts }) => {
      const [rows, columns] = rowsOf(x), T = x.shape[1];
      const fits = dx.size === x.size && dout.size === x.size && (starts?.size ?? rows) === rows;
      checkShapes(fits, "smearBackward", dx, dout, x);
      const partials = pool.sharedBuffer(4 * partialRows(rows, columns) * (gate.size + 1));
      const tensors = [dx, dgate, dlambda, dout, x, gate, lambda, starts].map(at);
      smearBackward(...tensors, partials, rows, columns, T, gate.size);
    },
  };
}
