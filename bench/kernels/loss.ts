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
  /** Rows whose choices are the given ones, in turn. */
  const drawing = (label: string, kinds: number[][], mostTopK: number): Case => ({
    label,
    ...sequences,
    prepare(bench, B) {
      const logits = bench.numbers(B, V), uniforms = bench.positive(B);
      const out = bench.integers(new Int32Array(B));
      const choices = bench.rows(Array.from({ length: B }, (_, b) => kinds[b % kinds.length]));
      const args = { out, logits, uniforms, choices, vocabSize: V, mostTopK };
      return {
        run: (device) => device.sample(args),
        flops: 3 * logits.size,
        moved: [logits, uniforms, choices, out],
        results: [out],
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

    sample: [
      drawing("topK 50", [[1, 50, 1, 0]], 50),
      drawing("topP 0.9", [[1, 0, 0.9, 0]], 0),
      drawing(
        "rows of all kinds",
        [[0, 0, 1, 0], [1, 50, 1, 0], [1, 0, 0.9, 0], [1, 0, 1, 0.1]],
        0,
      ),
    ],
  };
}
