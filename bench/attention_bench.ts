// Attention forward and backward, with a full and a sliding window. Run with
// `deno bench -A bench/attention_bench.ts`; the last lines give GFLOP/s, counting the pairs of
// positions that see each other: 4·D operations each forward, 10·D backward. Then rows of eight packed
// conversations that are kept apart, beside the same rows where they are not.

import { startsOf } from "../lib/model/mod.ts";
import type { Device } from "../lib/device/mod.ts";
import { benchBeside, benchOnDevice, openDevices, randomTensor } from "./rates.ts";

const [H, Hkv, D] = [4, 2, 128];

/** Tokens of a batch of packed conversations. */
const PACKED_TOKENS = 2048;

/** Lengths of the packed conversations, as shares of a row; few begin where a tile does. */
const SHARES = [3, 5, 2, 7, 4, 6, 1, 5];

/** Attention of rows, forward and backward. */
function attentionOf(device: Device, B: number, T: number, window: number) {
  const [q, out, dout, dq] = [1, 2, 3, 4].map(() => randomTensor(device, [B, T, H, D]));
  const [k, v, dk, dv] = [1, 2, 3, 4].map(() => randomTensor(device, [B, T, Hkv, D]));
  const [lse, delta] = [1, 2].map(() => randomTensor(device, [B, H, T]));
  const starts = device.allocate("starts", [B, T], "int32");
  device.write(starts, packedStarts(B, T));
  const given = { out, lse, q, k, v, window }, gradients = { dq, dk, dv, delta, dout };
  return {
    forward: () => device.attention(given),
    backward: () => device.attentionBackward({ ...gradients, ...given }),
    isolated: {
      forward: () => device.attention({ ...given, starts }),
      backward: () => device.attentionBackward({ ...gradients, ...given, starts }),
    },
  };
}

/** Where the packed conversations of rows begin. */
function packedStarts(B: number, T: number): Int32Array {
  const separator = 0, tokens = new Int32Array(B * T).fill(1);
  const whole = SHARES.reduce((a, b) => a + b);
  for (let b = 0; b < B; b++) {
    let before = 0;
    for (const share of SHARES) {
      tokens[b * T + Math.floor(before / whole * T)] = separator;
      before += share;
    }
  }
  return startsOf(tokens, { T, separator });
}

for (const device of await openDevices()) {
  const B = 2, T = 1024;
  for (const window of [T, T / 4]) {
    let pairs = 0;
    for (let t = 0; t < T; t++) pairs += B * H * Math.min(t + 1, window + 1);
    const where = `${T} positions, window ${window}`;
    const { forward, backward } = attentionOf(device, B, T, window);
    benchOnDevice(device, `attention, ${where}`, "GFLOP/s", 4 * D * pairs, forward);
    benchOnDevice(device, `attentionBackward, ${where}`, "GFLOP/s", 10 * D * pairs, backward);
  }
  for (const T of [512, 1024, 2048]) {
    for (const window of [T, T / 4]) {
      const { isolated, ...together } = attentionOf(device, PACKED_TOKENS / T, T, window);
      for (const pass of ["forward", "backward"] as const) {
        const name =
          `attention ${pass}, ${T} positions, window ${window}, eight conversations apart`;
        benchBeside(device, name, isolated[pass], together[pass]);
      }
    }
  }
}
