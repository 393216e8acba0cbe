// Attention forward and backward, with a full and a sliding window. Run with
// `deno bench -A bench/attention_bench.ts`; the last lines give GFLOP/s, counting the pairs of
// positions that see each other: 4·D operations each forward, 10·D backward.

import { benchOnDevice, openDevices, randomTensor } from "./rates.ts";

const [B, T, H, Hkv, D] = [2, 1024, 4, 2, 128];

for (const device of await openDevices()) {
  const [q, out, dout, dq] = [1, 2, 3, 4].map(() => randomTensor(device, [B, T, H, D]));
  const [k, v, dk, dv] = [1, 2, 3, 4].map(() => randomTensor(device, [B, T, Hkv, D]));
  const [lse, delta] = [1, 2].map(() => randomTensor(device, [B, H, T]));
  for (const window of [T, T / 4]) {
    let pairs = 0;
    for (let t = 0; t < T; t++) pairs += B * H * Math.min(t + 1, window + 1);
    const where = `${T} positions, window ${window}`;
    benchOnDevice(device, `attention, ${where}`, "GFLOP/s", 4 * D * pairs, () => {
      device.attention({ out, lse, q, k, v, window });
    });
    benchOnDevice(device, `attentionBackward, ${where}`, "GFLOP/s", 10 * D * pairs, () => {
      device.attentionBackward({ dq, dk, dv, delta, dout, out, lse, q, k, v, window });
    });
  }
}
