/**
 * AdamW.
 *
 * @module
 */
import adamWMain from "../../../kernels/webgpu/adamw.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { elementwise } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";
import { storage } from "./storage.ts";

const ADAMW = halves + element + adamWMain;

/** See {@link Operations}. */
export function adamWOperations(gpu: Gpu): Pick<Operations, "adamW"> {
  return {
    adamW({ p, g, m, v, lr, beta1, beta2, eps, weightDecay, step, gradientScale = 1, guard }) {
      const valuesOf = (width: 1 | 4) => ({
        GUARDED: guard !== undefined,
        ...storage("P", p, width),
        ...storage("G", g, width),
        ...storage("M", m, width),
        ...storage("V", v, width),
      });
      elementwise(gpu, ADAMW, valuesOf, p.size, { p, g, m, v }, {
        keep: 1 - lr * weightDecay,
        gradientWeight: 1 - beta1,
        squareWeight: 1 - beta2,
        rate: lr / (1 - beta1 ** step),
        squareScale: 1 / (1 - beta2 ** step),
        eps,
        gradientScale,
      }, { guard });
    },
  };
}
