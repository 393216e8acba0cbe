/** Keys and values in pages of caches: putting them there, and attention over them. */
import { assertEquals } from "@std/assert";
import { type Device, type DType, PAGE_ROWS } from "../../lib/device/mod.ts";
import {
  allocateArgs,
  checkOperation,
  floats,
  ints,
  random,
  type SpecifiedArgs,
  testOperation,
} from "./check_operation.ts";
import { devices, type DeviceUnderTest, webGpu } from "./devices.ts";
import { aloneIn, filledCache, pagesFor } from "./paged.ts";

/** What the adapter at hand would not choose. */
const tiles = await webGpu("webgpu, attention by tiles", { attentionProducts: "tiles" });

const both = [...devices, tiles];

/** Whether a device may keep tensors in 16 bits. */
const isGpu = ({ name }: DeviceUnderTest) => name !== "cpu";

/** Sizes of new rows, and of the pages of a sequence. */
interface QuerySizes {
  T: number;
  N: number;
  H: number;
  Hkv: number;
  D: number;
}

/** Checks T new rows of sequences that have so many before, and up to N pages. */
async function checkAppend(device: Device, before: number[], sizes: QuerySizes, dtype?: DType) {
  const { T, N, H, Hkv, D } = sizes, B = before.length;
  const heads = (heads: number) => random([B, T, heads, D], 3, dtype);
  const pages = pagesFor(before.map((count) => count + T), N);
  const cache = () => random([pages.P, PAGE_ROWS, Hkv, D], 1, dtype);
  const args = {
    q: heads(H),
    k: heads(Hkv),
    v: heads(Hkv),
    kCache: cache(),
    vCache: cache(),
    pages: pages.pages,
    positions: ints(before),
    cos: random([128, D / 2]),
    sin: random([128, D / 2]),
    scale: 1.2,
  };
  await checkOperation(device, "appendCache", args, undefined, ["k"]);
}

testOperation("appendCache", devices, async (device) => {
  await checkAppend(device, [57], { T: 1, N: 1, H: 1, Hkv: 1, D: 4 });
  await checkAppend(device, [57, 0, 7], { T: 5, N: 1, H: 4, Hkv: 2, D: 6 });
  await checkAppend(device, [57, 0], { T: 70, N: 3, H: 6, Hkv: 2, D: 32 });
});

testOperation("appendCache in 16 bits", devices.filter(isGpu), async (device) => {
  for (const dtype of ["bfloat16", "float16"] as const) {
    await checkAppend(device, [62, 0], { T: 3, N: 2, H: 4, Hkv: 2, D: 16 }, dtype);
  }
});

/** How queries see the keys. */
interface Seen {
  window: number;
  /** Pages that all sequences share. */
  shared?: number;
  dtype?: DType;
}

/** New queries of sequences that have so many rows before. */
function cachedArgs(
  before: number[],
  { T, N, H, Hkv, D }: QuerySizes,
  { window, shared, dtype }: Seen,
): SpecifiedArgs<"attentionWithCache"> {
  const B = before.length, rows = before.map((count) => count + T);
  const pages = pagesFor(rows, N, shared);
  const cache = () => filledCache(rows, pages, [Hkv, D], dtype);
  return {
    out: random([B, T, H, D], 1, dtype),
    q: random([B, T, H, D], 2, dtype),
    kCache: cache(),
    vCache: cache(),
    pages: pages.pages,
    positions: ints(before),
    window,
  };
}

/** Checks new queries over caches. */
async function checkCached(device: Device, sizes: QuerySizes, seen: Seen, B = 3) {
  const args = cachedArgs([170, 0, 63].slice(0, B), sizes, seen);
  await checkOperation(device, "attentionWithCache", args);
}

testOperation("attentionWithCache, one query and many", devices, async (device) => {
  for (const T of [1, 3, 40]) {
    for (const [B, H, Hkv, D] of [[3, 4, 2, 20], [2, 2, 1, 128], [2, 4, 2, 6]]) {
      for (const window of [0, 10, 100, 1 << 20]) {
        await checkCached(device, { T, N: 4, H, Hkv, D }, { window }, B);
      }
    }
  }
});

testOperation("attentionWithCache, heads of any even size", devices, async (device) => {
  for (const D of [2, 66, 130, 256, 258, 260, 512]) {
    await checkCached(device, { T: 1, N: 3, H: 2, Hkv: 1, D }, { window: 100 }, 2);
  }
});

testOperation("attentionWithCache, keys in parts", [tiles], async (device) => {
  const sizes = { T: 3, N: 18, H: 2, Hkv: 1, D: 6 };
  for (const window of [100, 260, 1 << 20]) {
    const args = cachedArgs([1000, 0, 255, 511], sizes, { window });
    await checkOperation(device, "attentionWithCache", args);
  }
});

testOperation("attentionWithCache in 16 bits", both.filter(isGpu), async (device) => {
  for (const dtype of ["bfloat16", "float16"] as const) {
    // Where products are in float16, weights are rounded to it: by 2⁻¹¹.
    const products = device === tiles.device && dtype === "float16" ? 1e-3 : undefined;
    for (const T of [1, 40]) {
      const sizes = { T, N: 5, H: 4, Hkv: 2, D: 20 };
      const args = cachedArgs([250, 3], sizes, { window: 270, dtype });
      await checkOperation(device, "attentionWithCache", args, products);
    }
  }
});

testOperation("attentionWithCache, a beginning that is shared", both, async (device) => {
  for (const T of [1, 40]) {
    const sizes = { T, N: 6, H: 4, Hkv: 2, D: 20 };
    const args = cachedArgs([150, 129, 300], sizes, { window: 200, shared: 2 });
    await checkOperation(device, "attentionWithCache", args);
  }
});

/** What queries give, bit by bit. */
async function outputOf(device: Device, given: SpecifiedArgs<"attentionWithCache">) {
  const { args, tensors } = allocateArgs<"attentionWithCache">(device, given);
  device.attentionWithCache(args);
  const out = await device.read(args.out);
  for (const tensor of tensors.values()) device.free(tensor);
  return out as Float32Array;
}

testOperation("attentionWithCache, alone as among others", both, async (device) => {
  const before = [300, 2, 64, 700], H = 4, Hkv = 2, D = 20;
  for (const T of [1, 3, 40]) {
    for (const window of [90, 1 << 20]) {
      const args = cachedArgs(before, { T, N: 12, H, Hkv, D }, { window });
      const together = await outputOf(device, args);
      const from = { pages: args.pages, P: args.kCache.shape[0] };
      for (const [b, count] of before.entries()) {
        const rows = count + T, to = pagesFor([rows], Math.ceil(rows / PAGE_ROWS));
        const part = (x: Float32Array | Int32Array) =>
          (x as Float32Array).slice(b * T * H * D, (b + 1) * T * H * D);
        const alone = await outputOf(device, {
          out: random([1, T, H, D]),
          q: floats([1, T, H, D], part(args.q.values)),
          kCache: aloneIn(args.kCache, b, from, to, rows),
          vCache: aloneIn(args.vCache, b, from, to, rows),
          pages: to.pages,
          positions: ints([count]),
          window,
        });
        assertEquals(alone, part(together), `sequence ${b}, ${T} queries, window ${window}`);
      }
    }
  }
});
