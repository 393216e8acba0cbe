/**
 * Rotary position embedding of heads, followed by their norm.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** Rotary {@link Operations} in WebAssembly. */
export function rotaryOperations(
  pool: Pool,
): Pick<Operations, "rotaryNorm" | "rotaryNormBackward"> {
  const rotaryNorm = pool.kernel("rotaryNorm");
  const rotaryNormBackward = pool.kernel("rotaryNormBackward");

  return {
    rotaryNorm: ({ x, cos, sin, scale, rstd }) => {
      const [, T, H, D] = x.shape, [limit, half] = rowsOf(cos);
      checkShapes(half === D / 2 && sin.size === cos.size, "rotaryNorm", x, cos, sin);
      const tensors = [at(x), at(cos), at(sin), at(rstd), 0];
      rotaryNorm(...tensors, x.size / D, H, T, D, limit, scale);
    },
    rotaryNormBackward: ({ dx, y, rstd, cos, sin, scale }) => {
      const [, T, H, D] = y.shape, [limit, half] = rowsOf(cos);
      const fits = half === D / 2 && sin.size === cos.size && dx.size === y.size;
      checkShapes(fits, "rotaryNormBackward", dx, y, cos, sin);
      const tensors = [dx, y, rstd, cos, sin].map(at);
      rotaryNormBackward(...tensors, y.size / D, H, T, D, limit, scale);
    },
  };
}
