/** The laboratory's measurements as rows. */
import { type Measurement, MODELS, openLaboratory } from "../kernels/laboratory.ts";
import type { Row, Settings } from "./part.ts";

/** So small that software is done at once; the names of what is measured then. */
const SHORT = { C: 64, H: 2, D: 32, T: 64, V: 256 }, SHORT_NAME = "smear";

/** Measures every kernel at a model's sizes. */
export async function* kernels(
  model: keyof typeof MODELS,
  { short }: Settings,
): AsyncGenerator<Row> {
  const shape = short ? SHORT : MODELS[model];
  const { peaks, measurements } = await openLaboratory(shape, short ? SHORT_NAME : "");
  const share = (rate: number, peak: number) =>
    rate > 0 ? Math.round(100 * rate / peak) : undefined;
  for await (const measurement of measurements()) {
    const { operation, label, length, kernels, flops, bytes, difference } = measurement;
    const ms = sum(kernels, "ms");
    yield {
      model,
      operation: `${operation} ${label}`.trim(),
      length,
      dispatches: sum(kernels, "dispatches"),
      ms,
      "GFLOP/s": flops > 0 ? flops / ms / 1e6 : undefined,
      "% of registers": share(flops / ms, peaks.flops),
      "GB/s": bytes / ms / 1e6,
      "% of a copy": share(bytes / ms, peaks.bytes),
      wrong: difference,
    };
  }
}

function sum(kernels: Measurement["kernels"], of: "dispatches" | "ms"): number {
  return kernels.reduce((sum, kernel) => sum + kernel[of], 0);
}
