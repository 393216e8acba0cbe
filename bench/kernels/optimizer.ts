/** The steps of AdamW and Muon that are no matrix products. */
import type { Operations, Tensor } from "../../lib/device/mod.ts";
import {
  type Call,
  type Case,
  type Cases,
  LEAST_ROWS,
  type ModelShape,
  type Workbench,
} from "./case.ts";
import { mostStacked } from "../../lib/optim/muon.ts";

type OptimizerOperations =
  | "checkFinite"
  | "adamW"
  | "muonMomentum"
  | "equilibrateRows"
  | "frobeniusNormalize"
  | "muonVarianceReduction"
  | "cautiousUpdate";

/** See {@link Cases}. */
export function optimizerCases({ C, V }: ModelShape): Pick<Cases, OptimizerOperations> {
  const one = { dimension: "n", least: 1, full: 1 } as const;
  const stack = { dimension: "n", least: 1, full: mostStacked([C, 4 * C]) } as const;
  const wide = [C, 4 * C], tall = [4 * C, C];
  return {
    checkFinite: [{
      label: `(V, ${C})`,
      dimension: "V",
      least: LEAST_ROWS,
      full: V,
      prepare(bench, V) {
        const x = bench.numbers(V, C), flag = bench.integers(new Int32Array(1));
        return {
          run: (device) => device.checkFinite({ x, flag }),
          flops: 0,
          moved: [x],
          results: [flag],
        };
      },
    }],

    adamW: [{
      label: `(V, ${C})`,
      dimension: "V",
      least: LEAST_ROWS,
      full: V,
      prepare(bench, V) {
        const [p, g, m] = [1, 2, 3].map(() => bench.numbers(V, C));
        const v = bench.positive(V, C);
        const rates = { lr: 1e-3, beta1: 0.8, beta2: 0.95, eps: 1e-10, weightDecay: 0.01, step: 1 };
        return {
          run: (device) => device.adamW({ p, g, m, v, ...rates }),
          flops: 14 * p.size,
          moved: [p, p, g, m, m, v, v],
          results: [p, m, v],
        };
      },
    }],

    muonMomentum: [{
      label: labelOf(wide),
      ...one,
      prepare(bench, n) {
        const g = bench.numbers(...wide);
        const out = bench.zeros(n, ...wide), momentum = bench.numbers(n, ...wide);
        return {
          run: (device) => device.muonMomentum({ out, momentum, g, slot: 0, mu: 0.95 }),
          flops: 6 * g.size,
          moved: [g, out, momentum, momentum],
          results: [out, momentum],
        };
      },
    }],

    equilibrateRows: [{
      label: labelOf(wide),
      ...stack,
      prepare: (bench, n) =>
        inPlace(bench, n, wide, 3, (device, x) => device.equilibrateRows({ x })),
    }],

    frobeniusNormalize: [{
      label: labelOf(wide),
      ...stack,
      prepare: (bench, n) =>
        inPlace(bench, n, wide, 3, (device, x) => {
          device.frobeniusNormalize({ x, target: 1, margin: 1.01, eps: 1e-6 });
        }),
    }],

    muonVarianceReduction: [wide, tall].map(([rows, columns]): Case => ({
      label: labelOf([rows, columns]),
      ...stack,
      prepare(bench, n) {
        const lines = rows >= columns ? [rows, 1] : [1, columns];
        const secondMomentum = bench.positive(n, ...lines);
        return inPlace(bench, n, [rows, columns], 3, (device, x) => {
          device.muonVarianceReduction({ x, secondMomentum, beta2: 0.9 });
        });
      },
    })),

    cautiousUpdate: [{
      label: labelOf(wide),
      ...one,
      prepare(bench, n) {
        const p = bench.numbers(...wide), x = bench.numbers(n, ...wide);
        return {
          run: (device) => device.cautiousUpdate({ p, x, slot: 0, lr: 1e-3, weightDecay: 0.01 }),
          flops: 5 * p.size,
          moved: [x, p, p],
          results: [p],
        };
      },
    }],
  };
}

const labelOf = ([rows, columns]: number[]) => `n × ${rows}×${columns}`;

/** A call that changes n matrices, for which it must read them twice. */
function inPlace(
  bench: Workbench,
  n: number,
  shape: number[],
  flopsOfElement: number,
  run: (device: Operations, x: Tensor) => void,
): Call {
  const x = bench.numbers(n, ...shape);
  return {
    run: (device) => run(device, x),
    flops: flopsOfElement * x.size,
    moved: [x, x, x],
    results: [x],
  };
}
