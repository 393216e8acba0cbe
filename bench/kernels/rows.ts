/** Operations on the rows of the residual stream and of its heads. */
import { type Case, type Cases, LEAST_ROWS, type ModelShape } from "./case.ts";

/** Channels that the smear gate reads. */
const GATE = 24;

type RowOperations =
  | "rmsNorm"
  | "combineNorm"
  | "rmsNormBackward"
  | "rotaryNorm"
  | "rotaryNormBackward"
  | "smear"
  | "smearBackward"
  | "combine"
  | "combineBackward"
  | "gatherRows"
  | "scatterRows"
  | "addElements";

/** See {@link Cases}. */
export function rowCases({ C, H, D, T: full }: ModelShape): Pick<Cases, RowOperations> {
  const rows = (prepare: Case["prepare"], label = ""): Case[] => [
    { label, dimension: "N", least: LEAST_ROWS, full, prepare },
  ];
  return {
    rmsNorm: rows((bench, N) => {
      const x = bench.numbers(N, C), out = bench.zeros(N, C);
      return {
        run: (device) => device.rmsNorm({ out, x }),
        flops: 3 * x.size,
        moved: [x, out],
        results: [out],
      };
    }),

    combineNorm: rows((bench, N) => {
      const [x, y, lambdas] = [bench.numbers(N, C), bench.numbers(N, C), bench.numbers(2)];
      const [out, normed] = [1, 2].map(() => bench.zeros(N, C));
      const [a, b] = [0, 1].map((index) => ({ tensor: lambdas, index }));
      return {
        run: (device) => device.combineNorm({ out, normed, x, y, a, b }),
        flops: 6 * x.size,
        moved: [x, y, out, normed],
        results: [out, normed],
      };
    }),

    rmsNormBackward: rows((bench, N) => {
      const [dx, dout, x] = [1, 2, 3].map(() => bench.numbers(N, C));
      return {
        run: (device) => device.rmsNormBackward({ dx, dout, x, accumulate: true }),
        flops: 9 * x.size,
        moved: [dout, x, dx, dx],
        results: [dx],
      };
    }),

    rotaryNorm: rows((bench, N) => {
      const x = bench.numbers(1, N, H, D), rstd = bench.zeros(N, H);
      const cos = bench.numbers(N, D / 2), sin = bench.numbers(N, D / 2);
      return {
        run: (device) => device.rotaryNorm({ x, cos, sin, scale: 1.2, rstd }),
        flops: 6 * x.size,
        moved: [x, x, cos, sin, rstd],
        results: [x, rstd],
      };
    }),

    rotaryNormBackward: rows((bench, N) => {
      const dx = bench.numbers(1, N, H, D), y = bench.numbers(1, N, H, D);
      const rstd = bench.positive(N, H);
      const cos = bench.numbers(N, D / 2), sin = bench.numbers(N, D / 2);
      return {
        run: (device) => device.rotaryNormBackward({ dx, y, rstd, cos, sin, scale: 1.2 }),
        flops: 8 * dx.size,
        moved: [y, rstd, cos, sin, dx, dx],
        results: [dx],
      };
    }),

    smear: rows((bench, N) => {
      const x = bench.numbers(1, N, C), out = bench.zeros(1, N, C);
      const gate = bench.numbers(1, GATE), lambda = bench.numbers(1);
      return {
        run: (device) => device.smear({ out, x, gate, lambda }),
        flops: 2 * x.size,
        moved: [x, out],
        results: [out],
      };
    }),

    smearBackward: rows((bench, N) => {
      const x = bench.numbers(1, N, C), dout = bench.numbers(1, N, C);
      const gate = bench.numbers(1, GATE), lambda = bench.numbers(1);
      const dx = bench.zeros(1, N, C), dgate = bench.zeros(1, GATE), dlambda = bench.zeros(1);
      return {
        run: (device) => device.smearBackward({ dx, dgate, dlambda, dout, x, gate, lambda }),
        flops: 4 * x.size,
        moved: [x, dout, dx],
        results: [dx, dgate, dlambda],
      };
    }),

    combine: rows((bench, N) => {
      const x = bench.numbers(N, C), y = bench.numbers(N, C), out = bench.zeros(N, C);
      const a = { tensor: bench.numbers(1), index: 0 }, b = { tensor: bench.numbers(1), index: 0 };
      return {
        run: (device) => device.combine({ out, x, y, a, b }),
        flops: 3 * x.size,
        moved: [x, y, out],
        results: [out],
      };
    }),

    combineBackward: rows((bench, N) => {
      const [dx, dy, x, y] = [1, 2, 3, 4].map(() => bench.numbers(N, C));
      const a = { tensor: bench.positive(1), index: 0 };
      const b = { tensor: bench.positive(1), index: 0 };
      const da = bench.zeros(1), db = bench.zeros(1);
      return {
        run: (device) => device.combineBackward({ dx, dy, da, db, dout: dx, x, y, a, b }),
        flops: 7 * x.size,
        moved: [x, y, dx, dx, dy, dy],
        results: [dx, dy, da, db],
      };
    }),

    gatherRows: rows((bench, N) => {
      const x = bench.numbers(N, C), out = bench.zeros(N, C);
      const index = bench.integers(Int32Array.from({ length: N }, (_, i) => N - 1 - i));
      return {
        run: (device) => device.gatherRows({ out, x, index }),
        flops: 0,
        moved: [x, index, out],
        results: [out],
      };
    }),

    scatterRows: rows((bench, N) => {
      const x = bench.numbers(N, C), out = bench.zeros(N, C);
      const index = bench.integers(Int32Array.from({ length: N }, (_, i) => N - 1 - i));
      return {
        run: (device) => device.scatterRows({ out, x, index }),
        flops: 0,
        moved: [x, index, out],
        results: [out],
      };
    }),

    addElements: rows((bench, N) => {
      const x = bench.zeros(N, C), values = bench.numbers(N);
      const index = bench.integers(Int32Array.from({ length: N }, (_, i) => i * C));
      return {
        run: (device) => device.addElements({ x, index, values, count: N }),
        flops: N,
        moved: [index, values, values, values],
        results: [x],
      };
    }),
  };
}
