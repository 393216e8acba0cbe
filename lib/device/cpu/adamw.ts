/**
 * AdamW.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes } from "../shapes.ts";
import type { Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** {@link Operations.adamW} in WebAssembly. */
export function adamWOperations(pool: Pool): Pick<Operations, "adamW"> {
  const adamW = pool.kernel("adamW");

  return {
    adamW: ({ p, g, m, v, lr, beta1, beta2, eps, weightDecay, step }) => {
      checkShapes([g, m, v].every(({ size }) => size === p.size), "adamW", p, g, m, v);
      const decay = 1 - lr * weightDecay, rate = lr / (1 - beta1 ** step);
      const rootBias = 1 / Math.sqrt(1 - beta2 ** step);
      const tensors = [p, g, m, v].map(at);
      adamW(...tensors, p.size, decay, rate, 1 - beta1, 1 - beta2, rootBias, eps);
    },
  };
}
