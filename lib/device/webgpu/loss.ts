/**
 * The loss head.
 *
 * @module
 */
import crossEntropyMain from "../../../kernels/webgpu/cross_entropy.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import reduce from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
import tanh from "../../../kernels/webgpu/tanh.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { rowsOf } from "../shapes.ts";
import { widthFor } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";

const CROSS_ENTROPY = element + reduce + tanh + crossEntropyMain;

/** See {@link Operations}. */
export function lossOperations(gpu: Gpu): Pick<Operations, "softcapCrossEntropy"> {
  return {
    softcapCrossEntropy({ losses, logits, targets, start, vocabSize, cap, gradientScale }) {
      const [rows, V] = rowsOf(logits);
      const WIDTH = widthFor(V);
      const kernel = gpu.kernel(CROSS_ENTROPY, { WIDTH, GRADIENT: gradientScale !== undefined });
      for (const part of gpu.split(rows, { logits })) {
        const uniforms = {
          rows: part.count,
          columns: V / WIDTH,
          vocabSize,
          start: start + part.start,
          cap,
          scale: gradientScale ?? 0,
        };
        const bindings = { logits: part.slices.logits, losses, targets };
        gpu.run(kernel, bindings, uniforms, part.count);
      }
    },
  };
}
