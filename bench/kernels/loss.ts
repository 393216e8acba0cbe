/** The loss, and drawing tokens from logits. */
import { type Case, type Cases, LEAST_ROWS, type ModelShape } from "./case.ts";
import { mostChunkRows } from "../../lib/model/loss_head.ts";

const CAP = 15;

/** See {@link Cases}. */
export function lossCases(
  { C, T, V }: ModelShape,
): Pick<Cases, "softcapCrossEntropy" | "softcap" | "sum" | "sample"> {
  const chunk = { dimension: "R", least: LEAST_ROWS, full: mostChunkRows([V, C], true) } as const;
  const sequences = { dimension: "B", least: 8, full: 8 } as const;
  const crossEntropy = (label: string, gradient: boolean): Case => ({
    label,
    ...chunk,
    prepare(bench, R) {
      const logits = bench.numbers(R, V), losses = bench.zeros(R);
      const { ids: targets } = bench.text(R, V);
      const gradientScale = gradient ? 1 / R : undefined;
      const args = { losses, logits, targets, start: 0, vocabSize: V, cap: CAP, gradientScale };
      return {
        run: (device) => device.softcapCrossEntropy(args),
        flops: (gradient ? 10 : 5) * logits.size,
        moved: gradient ? [logits, logits, targets, losses] : [logits, targets, losses],
        results: gradient ? [logits, losses] : [losses],
      };
    },
  });
  return {
    softcapCrossEntropy: [crossEntropy("with gradient", true), crossEntropy("loss alone", false)],

    softcap: [{
      label: `(B, ${V})`,
      ...sequences,
      prepare(bench, B) {
        const x = bench.numbers(B, V);
        return {
          run: (device) => device.softcap({ x, cap: CAP }),
          flops: 3 * x.size,
          moved: [x, x],
          results: [x],
        };
      },
    }],

    sum: [{
      label: "of losses",
      dimension: "N",
      least: LEAST_ROWS,
      full: T,
      prepare(bench, N) {
        const x = bench.numbers(N), weights = bench.positive(N), out = bench.zeros(1);
        return {
          run: (device) => device.sum({ out, x, weights, scale: 1 }),
          flops: 2 * N,
          moved: [x, weights],
          results: [out],
        };
      },
    }],

    sample: [{
      label: "topK 50",
      ...sequences,
      prepare(bench, B) {
        const logits = bench.numbers(B, V), uniforms = bench.positive(B);
        const out = bench.integers(new Int32Array(B));
        const choice = { temperature: 1, topK: 50, topP: 1, minP: 0 };
        return {
          run: (device) => device.sample({ out, logits, uniforms, vocabSize: V, ...choice }),
          flops: 3 * logits.size,
          moved: [logits, uniforms, out],
          results: [out],
        };
      },
    }],
  };
}
