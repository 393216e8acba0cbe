/**
 * Normalisation of rows, rotary embedding and smearing.
 *
 * @module
 */
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import reduce from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
import rmsNormMain from "../../../kernels/webgpu/rms_norm.wgsl" with { type: "text" };
import rmsNormBackwardMain from "../../../kernels/webgpu/rms_norm_backward.wgsl" with {
  type: "text",
};
import rotaryNormMain from "../../../kernels/webgpu/rotary_norm.wgsl" with { type: "text" };
import rotaryNormBackwardMain from "../../../kernels/webgpu/rotary_norm_backward.wgsl" with {
  type: "text",
};
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Tensor } from "../tensor.ts";
import { widthFor } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";

const RMS_NORM = element + reduce + rmsNormMain;
const RMS_NORM_BACKWARD = element + reduce + rmsNormBackwardMain;
const ROTARY_NORM = element + rotaryNormMain;
const ROTARY_NORM_BACKWARD = element + rotaryNormBackwardMain;

/** See {@link Operations}. */
export function normOperations(
  gpu: Gpu,
): Pick<Operations, "rmsNorm" | "rmsNormBackward" | "rotaryNorm" | "rotaryNormBackward"> {
  return {
    rmsNorm({ out, x }) {
      checkShapes(out.size === x.size, "rmsNorm", out, x);
      const [rows, columns] = rowsOf(x);
      const WIDTH = widthFor(columns);
      const kernel = gpu.kernel(RMS_NORM, { WIDTH });
      for (const { count, slices } of gpu.split(rows, { out, x })) {
        gpu.run(kernel, slices, { rows: count, columns: columns / WIDTH }, count);
      }
    },

    rmsNormBackward({ dx, dout, x, accumulate = false }) {
      checkShapes(dx.size === x.size && dout.size === x.size, "rmsNormBackward", dx, dout, x);
      const [rows, columns] = rowsOf(x);
      const WIDTH = widthFor(columns);
      const kernel = gpu.kernel(RMS_NORM_BACKWARD, { WIDTH, ACCUMULATE: accumulate });
      for (const { count, slices } of gpu.split(rows, { dx, dout, x })) {
        gpu.run(kernel, slices, { rows: count, columns: columns / WIDTH }, count);
      }
    },

    rotaryNorm({ x, cos, sin, scale, rstd, positions }) {
      const WIDTH = widthFor(x.shape[3] / 2);
      const values = { WIDTH, RSTD: rstd !== undefined, POSITIONS: positions !== undefined };
      const kernel = gpu.kernel(ROTARY_NORM, values);
      const bindings = {
        x,
        cosines: cos,
        sines: sin,
        rstd,
        positions,
      };
      const uniforms = rotaryUniforms(x, scale, WIDTH);
      gpu.run(kernel, bindings, uniforms, Math.ceil(uniforms.count / 8));
    },

    rotaryNormBackward({ dx, y, rstd, cos, sin, scale }) {
      checkShapes(dx.size === y.size, "rotaryNormBackward", dx, y);
      const WIDTH = widthFor(y.shape[3] / 2);
      const kernel = gpu.kernel(ROTARY_NORM_BACKWARD, { WIDTH });
      const uniforms = rotaryUniforms(y, scale, WIDTH);
      const bindings = { dx, y, rstd, cosines: cos, sines: sin };
      gpu.run(kernel, bindings, uniforms, Math.ceil(uniforms.count / 8));
    },
  };
}

function rotaryUniforms(x: Tensor, scale: number, width: number) {
  const [B, T, heads, D] = x.shape;
  return { count: B * T * heads, heads, T, half: D / 2 / width, scale };
}
