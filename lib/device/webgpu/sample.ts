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
    sample({ out, logits, uniforms, vocabSize, ...choice }) {
      const [rows, columns] = rowsOf(logits);
      checkShapes(out.size === rows && uniforms.size >= rows, "sample", out, logits, uniforms);
      const topK = choice.temperature === 0 ? 1 : choice.topK;
      const chunks = Math.ceil(vocabSize / CHUNK), size = Math.ceil(vocabSize / chunks);
      const args = { ...choice, topK, columns, vocabSize, size, chunks };
      // A search of each chunk pays where most tokens are left behind.
      const fewAreKept = topK > 0 && 8 * topK <= vocabSize - (chunks - 1) * size;
      const search = parallel && chunks > 1 && fewAreKept;
      const candidates = search ? gpu.scratch(rows * chunks * topK) : undefined;
      if (candidates) {
        gpu.run(gpu.kernel(CANDIDATES), { candidates, logits }, args, [chunks, rows, 1]);
      }
      const kernel = gpu.kernel(SAMPLE, { CANDIDATES: search });
      gpu.run(kernel, { out, logits, uniforms, candidates }, args, [rows, 1, 1]);
    },
  };
}
