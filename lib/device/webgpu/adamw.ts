/**
 * AdamW.
 *
 * @module
 */
import adamWMain from "../../../kernels/webgpu/adamw.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { elementwise } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";

const ADAMW = element + adamWMain;

/** See {@link Operations}. */
export function adamWOperations(gpu: Gpu): Pick<Operations, "adamW"> {
  return {
    adamW({ p, g, m, v, lr, beta1, beta2, eps, weightDecay, step, guard }) {
      elementwise(gpu, ADAMW, { GUARDED: guard !== undefined }, p.size, { p, g, m, v }, {
        keep: 1 - lr * weightDecay,
        gradientWeight: 1 - beta1,
        squareWeight: 1 - beta2,
        rate: lr / (1 - beta1 ** step),
        squareScale: 1 / (1 - beta2 ** step),
        eps,
      }, { guard });
    },
  };
}
