/**
 * Norms of rows.
 *
 * @module
 */
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import reduce from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
import rmsNormMain from "../../../kernels/webgpu/rms_norm.wgsl" with { type: "text" };
import rmsNormBackwardMain from "../../../kernels/webgpu/rms_norm_backward.wgsl" with {
  type: "text",
};
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import { widthFor } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";
import { storage } from "./storage.ts";

const RMS_NORM = halves + element + reduce + rmsNormMain;
const RMS_NORM_BACKWARD = element + reduce + rmsNormBackwardMain;

/** See {@link Operations}. */
export function normOperations(gpu: Gpu): Pick<Operations, "rmsNorm" | "rmsNormBackward"> {
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
