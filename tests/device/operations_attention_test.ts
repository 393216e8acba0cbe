import { checkOperation, type floats, ints, random, testOperation } from "./check_operation.ts";
import type { Device } from "../../lib/device/mod.ts";
import { devices, webGpu } from "./devices.ts";
import { Float64Device } from "./float64_device.ts";

const both = [
  ...devices,
  // Those that the adapter at hand would not choose.
  await webGpu("webgpu, attention by tiles", { attentionProducts: "tiles" }),
];

const cases = [
  { B: 1, T: 1, H: 1, Hkv: 1, D: 20 },
  { B: 2, T: 7, H: 2, Hkv: 1, D: 20 },
  { B: 1, T: 70, H: 6, Hkv: 2, D: 20 },
  { B: 2, T: 97, H: 2, Hkv: 1, D: 128 },
  // Heads that are no multiple of four.
  { B: 2, T: 40, H: 4, Hkv: 2, D: 6 },
  { B: 1, T: 35, H: 2, Hkv: 1, D: 34 },
];
const windows = [0, 1, 40, 1 << 20];

/** Keys and queries of the size that normed ones have, values and gradients. */
function inputs({ B, T, H, Hkv, D }: typeof cases[number]) {
  const query = () => random([B, T, H, D], 2);
  const key = () => random([B, T, Hkv, D], 2);
  return { query, key };
}

testOperation("attention, windows and grouped queries", both, async (device) => {
  for (const sizes of cases) {
    for (const window of windows) {
      const { query, key } = inputs(sizes);
      const { B, T, H } = sizes;
      const lse = random([B, H, T]);
      const args = { out: query(), lse, q: query(), k: key(), v: key(), window };
      await checkOperation(device, "attention", args);
    }
  }
});

/** What the forward pass keeps for the backward pass, from the float64 loops. */
function forward(
  sizes: typeof cases[number],
  q: ReturnType<typeof floats>,
  k: ReturnType<typeof floats>,
  v: ReturnType<typeof floats>,
  window: number,
) {
  const { query } = inputs(sizes);
  const reference = new Float64Device();
  const tensor = ({ shape, values }: ReturnType<typeof floats>) => {
    const t = reference.allocate("", shape);
    reference.write(t, values);
    return t;
  };
  const out = query(), lse = random([sizes.B, sizes.H, sizes.T]);
  const [outs, lses] = [tensor(out), tensor(lse)];
  const given = { q: tensor(q), k: tensor(k), v: tensor(v) };
  reference.attention({ out: outs, lse: lses, ...given, window });
  out.values.set(outs.data);
  lse.values.set(lses.data);
  return { out, lse };
}

testOperation("attentionBackward, windows and grouped queries", both, async (device) => {
  // A query that sees one key has no gradient but rounding errors: leave those cases out.
  for (const sizes of cases.slice(1)) {
    for (const window of windows.slice(1)) {
      const { query, key } = inputs(sizes);
      const [q, k, v] = [query(), key(), key()];
      await checkOperation(
        device,
        "attentionBackward",
        {
          dq: query(),
          dk: key(),
          dv: key(),
          delta: random([sizes.B, sizes.H, sizes.T]),
          dout: query(),
          ...forward(sizes, q, k, v, window),
          q,
          k,
          v,
          window,
        },
        1e-5,
        ["delta"],
      );
    }
  }
});

testOperation("appendCache", devices, async (device) => {
  const shapes = [[1, 1, 3, 1, 1, 4], [3, 5, 12, 4, 2, 6], [2, 3, 40, 6, 2, 32]];
  for (const [B, T, S, H, Hkv, D] of shapes) {
    const heads = (heads: number, T: number) => random([B, T, heads, D], 3);
    const args = {
      q: heads(H, T),
      k: heads(Hkv, T),
      v: heads(Hkv, T),
      kCache: heads(Hkv, S),
      vCache: heads(Hkv, S),
      positions: ints([2, 0, 7].slice(0, B)),
      cos: random([S, D / 2]),
      sin: random([S, D / 2]),
      scale: 1.2,
    };
    await checkOperation(device, "appendCache", args, undefined, ["k"]);
  }
});

/** Checks new queries over caches of 210 keys. */
async function checkCached(device: Device, T: number, sizes: number[], window: number) {
  const [B, H, Hkv, D] = sizes;
  const cache = () => random([B, 210, Hkv, D], 2);
  await checkOperation(device, "attentionWithCache", {
    out: random([B, T, H, D]),
    q: random([B, T, H, D], 2),
    kCache: cache(),
    vCache: cache(),
    positions: ints([170, 0, 63].slice(0, B)),
    window,
  });
}

testOperation("attentionWithCache, one query and many", devices, async (device) => {
  for (const T of [1, 3, 40]) {
    for (const sizes of [[3, 4, 2, 20], [2, 2, 1, 128], [2, 4, 2, 6]]) {
      for (const window of [0, 10, 100, 1 << 20]) await checkCached(device, T, sizes, window);
    }
  }
});

testOperation("attentionWithCache, heads of any even size", devices, async (device) => {
  for (const D of [2, 66, 130, 256, 258, 260, 512]) await checkCached(device, 1, [2, 2, 1, D], 100);
});
