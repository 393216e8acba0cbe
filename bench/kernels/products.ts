/** Matrix products: a block's, the vocabulary's, those of writing text, and Muon's. */
import type { MatmulArgs, MatmulLayout } from "../../lib/device/mod.ts";
import {
  type Call,
  type Case,
  type Cases,
  LEAST_ROWS,
  type ModelShape,
  type Workbench,
} from "./case.ts";
import { mostChunkRows } from "../../lib/model/loss_head.ts";
import { mostStacked } from "../../lib/optim/muon.ts";

/** What a product does besides: adds another tensor, adds to its output, or ends with a function. */
type Besides = "+ c" | "+=" | "relu²" | "relu² gradient";

interface Sizes {
  /** Matrices; one that is no stack unless given. */
  n?: number;
  M: number;
  N: number;
  K: number;
}

/** See {@link Cases}. */
export function productCases({ C, T, V }: ModelShape): Pick<Cases, "matmul" | "matmulGroup"> {
  const R = mostChunkRows([V, C], true), n = mostStacked([C, C]);
  const rows = { dimension: "N", least: LEAST_ROWS, full: T } as const;
  const chunk = { dimension: "R", least: LEAST_ROWS, full: R } as const;
  const sequences = (B: number) => ({ dimension: "B", least: B, full: B } as const);
  const stack = { dimension: "n", least: 1, full: n } as const;
  const product = (
    range: Pick<Case, "dimension" | "least" | "full">,
    layout: MatmulLayout,
    sizes: (length: number) => Sizes,
    besides?: Besides,
  ): Case => ({
    label: labelOf(range.dimension, layout, sizes(range.full), besides),
    ...range,
    prepare: (bench, length) => prepare(bench, layout, sizes(length), besides),
  });
  return {
    matmul: [
      product(rows, "nt", (M) => ({ M, N: C, K: C })),
      product(rows, "nt", (M) => ({ M, N: 4 * C, K: C }), "relu²"),
      product(rows, "nt", (M) => ({ M, N: C, K: 4 * C }), "+ c"),
      product(rows, "nn", (M) => ({ M, N: C, K: C })),
      product(rows, "nn", (M) => ({ M, N: 4 * C, K: C }), "relu² gradient"),
      product(rows, "nn", (M) => ({ M, N: C, K: 4 * C })),
      product(rows, "tn", (K) => ({ M: C, N: C, K }), "+="),
      product(rows, "tn", (K) => ({ M: 4 * C, N: C, K }), "+="),
      product(chunk, "nt", (M) => ({ M, N: V, K: C })),
      product(chunk, "nn", (M) => ({ M, N: C, K: V })),
      product(chunk, "tn", (K) => ({ M: V, N: C, K }), "+="),
      product(sequences(1), "nt", (M) => ({ M, N: 4 * C, K: C })),
      product(sequences(8), "nt", (M) => ({ M, N: 4 * C, K: C })),
      product(sequences(1), "nt", (M) => ({ M, N: V, K: C })),
      product(stack, "nt", (n) => ({ n, M: C, N: C, K: C })),
      product(stack, "nn", (n) => ({ n, M: C, N: C, K: C }), "+ c"),
    ],
    matmulGroup: [
      group(rows, "nt", C),
      group(rows, "nn", C),
      group(rows, "tn", C),
      group(sequences(1), "nt", C),
    ],
  };
}

/** Products of q, k and v: forward, backward to their input, and to their weights. */
function group(
  range: Pick<Case, "dimension" | "least" | "full">,
  layout: MatmulLayout,
  C: number,
): Case {
  return {
    label: `${layout}, three of ${range.dimension} and ${C}`,
    ...range,
    prepare: (bench, length) => {
      const rows = () => bench.numbers(length, C), weights = () => bench.weights(C, C);
      const one = { nt: rows(), nn: bench.zeros(length, C), tn: rows() }[layout];
      const products = [0, 1, 2].map((i): MatmulArgs =>
        layout === "nt"
          ? { out: bench.zeros(length, C), a: one, b: weights(), layout }
          : layout === "nn"
          ? { out: one, a: rows(), b: weights(), layout, beta: i === 0 ? 0 : 1 }
          : { out: bench.zeros(C, C), a: rows(), b: one, layout }
      );
      return {
        run: (device) => device.matmulGroup({ products }),
        flops: 6 * length * C * C,
        moved: [...new Set(products.flatMap(({ out, a, b }) => [out, a, b]))],
        results: [...new Set(products.map(({ out }) => out))],
      };
    },
  };
}

/** The sides of the product, a letter where the length may be lowered: `nt N×768·768×3072`. */
function labelOf(
  dimension: Case["dimension"],
  layout: MatmulLayout,
  { n, M, N, K }: Sizes,
  besides?: Besides,
): string {
  const sides = n !== undefined ? [M, K] : layout === "tn" ? [M, dimension] : [dimension, K];
  const stack = n === undefined ? "" : "n × ";
  return `${layout} ${stack}${sides.join("×")}·${sides[1]}×${N}${besides ? ` ${besides}` : ""}`;
}

function prepare(
  bench: Workbench,
  layout: MatmulLayout,
  { n, M, N, K }: Sizes,
  besides?: Besides,
): Call {
  const shape = (...matrix: number[]) => n === undefined ? matrix : [n, ...matrix];
  const a = bench.numbers(...(layout === "tn" ? shape(K, M) : shape(M, K)));
  const b = bench.weights(...(layout === "nt" ? shape(N, K) : shape(K, N)));
  const out = bench.zeros(...shape(M, N));
  const args: MatmulArgs = { out, a, b, layout };
  const moved = [a, b, out];
  if (besides === "+ c") {
    const c = bench.numbers(...out.shape);
    Object.assign(args, { c, beta: 1 });
    moved.push(c);
  } else if (besides === "+=") {
    args.beta = 1;
    moved.push(out);
  } else if (besides === "relu²") {
    args.epilogue = { kind: "reluSquare" };
  } else if (besides === "relu² gradient") {
    const activation = bench.positive(...out.shape);
    args.epilogue = { kind: "reluSquareGradient", activation };
    moved.push(activation);
  }
  return {
    run: (device) => device.matmul(args),
    flops: 2 * (n ?? 1) * M * N * K,
    moved,
    results: [out],
  };
}
