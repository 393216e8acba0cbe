/**
 * Rotary position embedding of heads, followed by their norm.
 *
 * @module
 */
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import rotaryNormMain from "../../../kernels/webgpu/rotary_norm.wgsl" with { type: "text" };
import rotaryNormBackwardMain from "../../../kernels/webgpu/rotary_norm_backward.wgsl" with {
  type: "text",
};
import type { Operations } from "../operations.ts";
import { checkShapes } from "../shapes.ts";
import type { Tensor } from "../tensor.ts";
import { widthFor } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";
import { storage } from "./storage.ts";

const ROTARY_NORM = halves + element + rotaryNormMain;
const ROTARY_NORM_BACKWARD = halves + element + rotaryNormBackwardMain;

/** See {@link Operations}. */
export function rotaryOperations(
  gpu: Gpu,
): Pick<Operations, "rotaryNorm" | "rotaryNormBackward"> {
  return {
    rotaryNorm: (args) => runRotaryNorm(gpu, args),

    rotaryNormBackward({ dx, y, rstd, cos, sin, scale }) {
      checkShapes(dx.size === y.size, "rotaryNormBackward", dx, y);
      const WIDTH = widthFor(y.shape[3] / 2);
      const kernel = gpu.kernel(ROTARY_NORM_BACKWARD, { WIDTH, ...storage("Y", y, WIDTH) });
      const uniforms = rotaryUniforms(y, scale, WIDTH);
      const bindings = { dx, y, rstd, cosines: cos, sines: sin };
      gpu.run(kernel, bindings, uniforms, Math.ceil(uniforms.count / 8));
    },
  };
}

/**
 * See {@link Operations.rotaryNorm}.
 *
 * @param args With the position of each sequence's first row, 0 unless given.
 */
export function runRotaryNorm(
  gpu: Gpu,
  { x, cos, sin, scale, rstd, positions }: Parameters<Operations["rotaryNorm"]>[0] & {
    positions?: Tensor;
  },
): void {
  const WIDTH = widthFor(x.shape[3] / 2);
  const kept = { RSTD: rstd !== undefined, POSITIONS: positions !== undefined };
  const kernel = gpu.kernel(ROTARY_NORM, { WIDTH, ...kept, ...storage("X", x, WIDTH) });
  const bindings = { x, cosines: cos, sines: sin, rstd, positions };
  const uniforms = rotaryUniforms(x, scale, WIDTH);
  gpu.run(kernel, bindings, uniforms, Math.ceil(uniforms.count / 8));
}

function rotaryUniforms(x: Tensor, scale: number, width: number) {
  const [B, T, heads, D] = x.shape;
  return { count: B * T * heads, heads, T, half: D / 2 / width, scale };
}
