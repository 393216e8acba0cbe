/**
 * Drawing tokens.
 *
 * @module
 */
import sample from "../../../kernels/webgpu/sample.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Gpu } from "./gpu.ts";

/** See {@link Operations}. */
export function sampleOperations(gpu: Gpu): Pick<Operations, "sample"> {
  return {
    sample({ out, logits, uniforms, ...args }) {
      const [rows, columns] = rowsOf(logits);
      checkShapes(out.size === rows && uniforms.size >= rows, "sample", out, logits, uniforms);
      gpu.run(gpu.kernel(sample), { out, logits, uniforms }, { ...args, columns }, [rows, 1, 1]);
    },
  };
}
