/**
 * Drawing tokens.
 *
 * @module
 */
import candidatesMain from "../../../kernels/webgpu/sample_candidates.wgsl" with { type: "text" };
import sampleMain from "../../../kernels/webgpu/sample.wgsl" with { type: "text" };
import order from "../../../kernels/webgpu/sample_order.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Gpu } from "./gpu.ts";

const CANDIDATES = order + candidatesMain;
const SAMPLE = order + sampleMain;

/** About so many tokens of a row are searched by a workgroup: 8 by each of its threads. */
const CHUNK = 2048;

/**
 * See {@link Operations}.
 *
 * @param parallel Whether many workgroups run at once, so that each may search a part of a row.
 */
export function sampleOperations(gpu: Gpu, parallel: boolean): Pick<Operations, "sample"> {
  return {
    sample({ out, logits, uniforms, choices, vocabSize, mostTopK }) {
      const [rows, columns] = rowsOf(logits);
      const fits = out.size === rows && uniforms.size >= rows && choices.size >= 4 * rows;
      checkShapes(fits, "sample", out, logits, uniforms, choices);
      const chunks = Math.ceil(vocabSize / CHUNK), size = Math.ceil(vocabSize / chunks);
      const args = { columns, vocabSize, size, chunks, mostTopK };
      // A search of each chunk pays where most tokens are left behind.
      const fewAreKept = mostTopK > 0 && 8 * mostTopK <= vocabSize - (chunks - 1) * size;
      const search = parallel && chunks > 1 && fewAreKept;
      const candidates = search ? gpu.scratch(rows * chunks * mostTopK) : undefined;
      if (candidates) {
        const kernel = gpu.kernel(CANDIDATES);
        gpu.run(kernel, { candidates, logits, choices }, args, [chunks, rows, 1]);
      }
      const kernel = gpu.kernel(SAMPLE, { CANDIDATES: search });
      gpu.run(kernel, { out, logits, uniforms, candidates, choices }, args, [rows, 1, 1]);
    },
  };
}
