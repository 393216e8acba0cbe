/**
 * AdamW.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { CpuMemory } from "./memory.ts";
import type { Pool } from "./pool.ts";
import { at, isSet } from "./tensor.ts";

/** {@link Operations.adamW} in WebAssembly. */
export function adamWOperations(pool: Pool, memory: CpuMemory): Pick<Operations, "adamW"> {
  const adamW = pool.kernel("adamW");

  return {
    adamW: (args) => {
      const { p, g, m, v, lr, beta1, beta2, eps, weightDecay, step, gradientScale = 1 } = args;
      const { rows, guard } = args, [V, columns] = rowsOf(p);
      const fits = rows ? rows.size === V && rowsOf(g)[1] === columns : g.size === p.size;
      checkShapes(fits && [m, v].every(({ size }) => size === p.size), "adamW", p, g, m, v);
      if (isSet(memory, guard)) return;
      const decay = 1 - lr * weightDecay, rate = lr / (1 - beta1 ** step);
      const rootBias = 1 / Math.sqrt(1 - beta2 ** step);
      const tensors = [p, g, m, v].map(at);
      const rates = [decay, rate, 1 - beta1, 1 - beta2, rootBias, eps, gradientScale];
      adamW(...tensors, p.size, ...rates, rows ? at(rows) : 0, columns);
    },
  };
}
