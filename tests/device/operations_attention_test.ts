import { attended } from "./attended.ts";
import { checkOperation, packed, random, type Spec, testOperation } from "./check_operation.ts";
import type { Device, DType } from "../../lib/device/mod.ts";
import { devices, type DeviceUnderTest, webGpu } from "./devices.ts";

/** What the adapter at hand would not choose. */
const tiles = await webGpu("webgpu, attention by tiles", { attentionProducts: "tiles" });

const both = [...devices, tiles];

/** Whether a device may keep tensors in 16 bits. */
const isGpu = ({ name }: DeviceUnderTest) => name !== "cpu";

/** As adapters are that have no operations of subgroups. */
const threads = await webGpu("webgpu, attention without subgroups", {
  features: { subgroups: false },
  // Each row of the batch by itself.
  maxWork: 4096,
});

const cases = [
  { B: 1, T: 1, H: 1, Hkv: 1, D: 20 },
  { B: 2, T: 7, H: 2, Hkv: 1, D: 20 },
  { B: 1, T: 70, H: 6, Hkv: 2, D: 20 },
  { B: 2, T: 97, H: 2, Hkv: 1, D: 128 },
  // Heads of no multiple of four numbers.
  { B: 2, T: 40, H: 4, Hkv: 2, D: 34 },
];
const windows = [0, 1, 40, 1 << 20];

/** A case of attention. */
interface Case {
  sizes: typeof cases[number];
  window: number;
  starts?: Spec;
  dtype?: DType;
  /** Error of products that a device makes in such a type. */
  products?: number;
}

/** Keys and queries of the size that normed ones have, values and gradients. */
function inputs({ B, T, H, Hkv, D }: Case["sizes"], dtype: DType = "float32") {
  const query = () => random([B, T, H, D], 2, dtype);
  const key = () => random([B, T, Hkv, D], 2, dtype);
  return { query, key };
}

async function checkForward(device: Device, { sizes, window, starts, dtype, products }: Case) {
  const { query, key } = inputs(sizes, dtype), { B, T, H } = sizes;
  const args = { out: query(), lse: random([B, H, T]), q: query(), k: key(), v: key() };
  await checkOperation(device, "attention", { ...args, window, starts }, products);
}

async function checkBackward(device: Device, { sizes, window, starts, dtype, products }: Case) {
  const { query, key } = inputs(sizes, dtype), gradient = inputs(sizes), { B, T, H } = sizes;
  const [q, k, v] = [query(), key(), key()];
  const args = {
    dq: gradient.query(),
    dk: gradient.key(),
    dv: gradient.key(),
    delta: random([B, H, T]),
    dout: gradient.query(),
    ...attended(q, k, v, window, starts),
    q,
    k,
    v,
    window,
    starts,
  };
  await checkOperation(device, "attentionBackward", args, products ?? 1e-5, ["delta"]);
}

testOperation("attention, windows and grouped queries", both, async (device) => {
  for (const sizes of cases) {
    for (const window of windows) await checkForward(device, { sizes, window });
  }
});

testOperation("attentionBackward, windows and grouped queries", both, async (device) => {
  // A query that sees one key has no gradient but rounding errors: leave those cases out.
  for (const sizes of cases.slice(1)) {
    for (const window of windows.slice(1)) await checkBackward(device, { sizes, window });
  }
});

/**
 * Rows of packed conversations: one that fills its row, short ones of which some begin within a tile
 * of any device, long ones of several tiles, and each with fillings behind. The last window is shorter
 * than most of them.
 */
const packedCases: Case[] = [
  {
    sizes: { B: 3, T: 97, H: 4, Hkv: 2, D: 20 },
    starts: packed([[97], [10, 5, 1, 30, 40], [70, 20]], 97),
    window: 1 << 20,
  },
  {
    sizes: { B: 2, T: 300, H: 2, Hkv: 1, D: 20 },
    starts: packed([[20, 150, 97], [3, 290]], 300),
    window: 1 << 20,
  },
  {
    sizes: { B: 2, T: 200, H: 2, Hkv: 1, D: 20 },
    starts: packed([[20, 137, 40], [1, 1, 7, 64]], 200),
    window: 6,
  },
];

testOperation("attention of packed conversations", both, async (device) => {
  for (const given of packedCases) await checkForward(device, given);
});

testOperation("attentionBackward of packed conversations", both, async (device) => {
  for (const given of packedCases) await checkBackward(device, given);
});

/** What is checked of other kernels. */
const few: Case = { sizes: { B: 2, T: 70, H: 4, Hkv: 2, D: 20 }, window: 40 };
const fewPacked: Case = { ...few, starts: packed([[5, 44, 20], [70]], 70) };

testOperation("attention and its gradients", [threads], async (device) => {
  for (const given of [few, fewPacked]) {
    await checkForward(device, given);
    await checkBackward(device, given);
  }
});

testOperation("attention in 16 bits", both.filter(isGpu), async (device) => {
  const byTiles = device === tiles.device;
  for (const dtype of ["bfloat16", "float16"] as const) {
    // Where products are in float16, weights and gradients are rounded to it: by 2⁻¹¹.
    const products = byTiles && dtype === "float16" ? 1e-3 : undefined;
    const isPacked = byTiles === (dtype === "float16");
    const given = { ...isPacked ? fewPacked : few, dtype, products };
    await checkForward(device, given);
    await checkBackward(device, given);
  }
});
