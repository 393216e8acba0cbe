// Matrix products: forward (nt), and backward to the input (nn) and to the weight (tn). Run with
// `deno bench -A bench/matmul_bench.ts`; the last lines give GFLOP/s.

import { benchOnDevice, openDevices, randomTensor } from "./rates.ts";

const SIDE = 1024;

for (const device of await openDevices()) {
  const [out, a, b] = [1, 2, 3].map(() => randomTensor(device, [SIDE, SIDE]));
  for (const layout of ["nt", "nn", "tn"] as const) {
    benchOnDevice(device, `matmul ${layout}, ${SIDE} cubed`, "GFLOP/s", 2 * SIDE ** 3, () => {
      device.matmul({ out, a, b, layout });
    });
  }
  const [one, row] = [1, 2].map(() => randomTensor(device, [1, SIDE]));
  benchOnDevice(device, `matmul nt, one row`, "GFLOP/s", 2 * SIDE ** 2 * 20, () => {
    for (let i = 0; i < 20; i++) device.matmul({ out: one, a: row, b, layout: "nt" });
  });
}
