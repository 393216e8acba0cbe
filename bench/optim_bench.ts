// AdamW and Muon. Run with `deno bench -A bench/optim_bench.ts`; the last lines give rates: AdamW by
// the bytes it reads and writes, Muon by the operations of its matrix products.

import { Optimizer, type OptimizerParameter, parameterGroups } from "../lib/optim/mod.ts";
import { benchOnDevice, openDevices, randomTensor } from "./rates.ts";

const [V, C, LAYERS] = [4096, 512, 4];

for (const device of await openDevices()) {
  const parameter = (
    kind: OptimizerParameter["kind"],
    shape: readonly number[],
  ): OptimizerParameter => ({
    name: kind,
    kind,
    shape,
    value: randomTensor(device, shape, 0.02),
    gradient: randomTensor(device, shape, 0.02),
  });
  const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };
  const optimizerOf = (parameters: OptimizerParameter[]) =>
    new Optimizer(device, parameterGroups(parameters, C, rates));

  const adamW = optimizerOf([parameter("wte", [V, C])]);
  // Parameter, gradient and two moments are read; all but the gradient are written.
  benchOnDevice(device, `AdamW, ${V} x ${C}`, "MB/s", 7 * 4 * V * C, () => adamW.step(1, 0.9));

  const muon = optimizerOf(Array.from({ length: LAYERS }, () => parameter("matrix", [C, C])));
  // Five steps of three products.
  const work = LAYERS * 5 * 3 * 2 * C ** 3;
  benchOnDevice(device, `Muon, ${LAYERS} of ${C} x ${C}`, "GFLOP/s", work, () => muon.step(1, 0.9));
}
