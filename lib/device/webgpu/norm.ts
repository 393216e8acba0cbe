/**
 * Norms of rows.
 *
 * @module
 */
import combineNormMain from "../../../kernels/webgpu/combine_norm.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import reduce from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
import rmsNormMain from "../../../kernels/webgpu/rms_norm.wgsl" with { type: "text" };
import rmsNormBackwardMain from "../../../kernels/webgpu/rms_norm_backward.wgsl" with {
  type: "text",
};
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import { coefficients, widthFor } from "./elementwise.ts";
import { type Gpu, sameMemory } from "./gpu.ts";
import { storage } from "./storage.ts";

const COMBINE_NORM = halves + element + reduce + combineNormMain;
const RMS_NORM = halves + element + reduce + rmsNormMain;
const RMS_NORM_BACKWARD = element + reduce + rmsNormBackwardMain;

/** Operations of this file. */
type Names = "rmsNorm" | "combineNorm" | "rmsNormBackward";

/** See {@link Operations}. */
export function normOperations(gpu: Gpu): Pick<Operations, Names> {
  return {
    rmsNorm({ out, x }) {
      checkShapes(out.size === x.size, "rmsNorm", out, x);
      const [rows, columns] = rowsOf(x);
      const WIDTH = widthFor(columns);
      const kernel = gpu.kernel(RMS_NORM, { WIDTH, ...storage("OUT", out, WIDTH) });
      for (const { count, slices } of gpu.split(rows, { out, x })) {
        gpu.run(kernel, slices, { rows: count, columns: columns / WIDTH }, count);
      }
    },

    combineNorm({ out, normed, x, y, a, b }) {
      const sizesFit = [out, normed, y].every(({ size }) => size === x.size);
      checkShapes(sizesFit, "combineNorm", out, normed, x, y);
      const [rows, columns] = rowsOf(x);
      const { values, uniforms, tensors } = coefficients(a, b);
      const WIDTH = widthFor(columns), IN_PLACE = sameMemory(out, x);
      const variant = { ...values, ...storage("NORMED", normed, WIDTH), WIDTH, IN_PLACE };
      const kernel = gpu.kernel(COMBINE_NORM, variant);
      const operands = { out, normed, y, x: IN_PLACE ? undefined : x };
      for (const { count, slices } of gpu.split(rows, operands)) {
        const sizes = { rows: count, columns: columns / WIDTH };
        gpu.run(kernel, { ...slices, ...tensors }, { ...uniforms, ...sizes }, count);
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
  };
}
