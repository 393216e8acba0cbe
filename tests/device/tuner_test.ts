/** How products are dealt to a GPU's threads, and when a GPU is measured for that. */
import { assert, assertEquals } from "@std/assert";
import { countingGpu } from "../../lib/device/webgpu/counting_gpu.ts";
import { Gpu } from "../../lib/device/webgpu/gpu.ts";
import { dealerOf, GPU_TILES, tileSides } from "../../lib/device/webgpu/matmul_tile.ts";
import {
  measureAdapter,
  type Measurements,
  type Tuning,
  tuningOf,
} from "../../lib/device/webgpu/tuner.ts";

/** Rates of a card that holds about 130 workgroups of the largest tile; smaller ones are slower. */
const rates = GPU_TILES.map((tile) => {
  const { rows, columns } = tileSides(tile);
  const alone = 1e8 * Math.sqrt(rows * columns) / 128;
  return { tile, alone, together: 130 * alone };
});
const deal = dealerOf(rates);
const groupsOf = (M: number, N: number, K: number, most = Infinity) => {
  const { tile, splits } = deal({ batch: 1, M, N, K }, most);
  const { rows, columns } = tileSides(tile);
  return { splits, groups: Math.ceil(M / rows) * Math.ceil(N / columns) * splits };
};

Deno.test("few outputs of a long K are dealt to enough workgroups", () => {
  // A weight gradient of d12, which is 36 of the largest tiles.
  const { splits, groups } = groupsOf(768, 768, 65536);
  assert(splits > 1 && groups >= 130, `${groups} workgroups`);
  // Where K may not be cut, smaller tiles are left.
  assert(groupsOf(768, 768, 65536, 1).groups >= 130);
});

Deno.test("products that keep a card busy are not cut along K, nor are short ones", () => {
  assertEquals(groupsOf(65536, 3072, 768).splits, 1);
  assertEquals(groupsOf(4096, 4096, 4096).splits, 1);
  assertEquals(groupsOf(64, 64, 100).splits, 1);
});

Deno.test("an adapter of which one workgroup takes all is dealt nothing in parts", () => {
  const software = dealerOf([{ ...rates[0], together: rates[0].alone }]);
  assertEquals(software({ batch: 1, M: 64, N: 64, K: 65536 }, Infinity).splits, 1);
});

const tuning: Tuning = { tiles: rates, rate: 5, peak: { float32: 7, float16: 8 } };
const other: Tuning = { ...tuning, rate: 6 };
const card = (key: string) => ({ key, software: false });

/** Measurements in memory, that hold one value whatever is asked for, and what was saved. */
function memory(value: unknown): { measurements: Measurements; saved: unknown[] } {
  const saved: unknown[] = [];
  const load = () => Promise.resolve(value === undefined ? undefined : structuredClone(value));
  const save = (_: string, value: unknown) => Promise.resolve(void saved.push(value));
  return { measurements: { load, save }, saved };
}

const measured = () => Promise.resolve(other);
const neverMeasured = () => Promise.reject(new Error("it was measured"));

Deno.test("what is kept of a card is not measured again, unless it is to be", async () => {
  const { measurements, saved } = memory(tuning);
  assertEquals(await tuningOf(card("a"), { measurements }, neverMeasured), tuning);
  // This process knows it from then on.
  assertEquals(await tuningOf(card("a"), {}, neverMeasured), tuning);
  assertEquals(saved, []);
  assertEquals(await tuningOf(card("a"), { measurements, retune: true }, measured), other);
  assertEquals(saved, [other]);
  assertEquals(await tuningOf(card("a"), { measurements }, neverMeasured), other);
});

Deno.test("what is missing or damaged is measured anew, and kept", async () => {
  const values: unknown[] = [
    undefined,
    "text",
    { ...tuning, rate: -1 },
    { ...tuning, tiles: [] },
    { ...tuning, tiles: [{ ...rates[0], alone: null }] },
    { ...tuning, tiles: [{ ...rates[0], tile: { ...rates[0].tile, RM: 999 } }] },
    { ...tuning, peak: {} },
  ];
  for (const [i, value] of values.entries()) {
    const { measurements, saved } = memory(value);
    assertEquals(await tuningOf(card(`damaged ${i}`), { measurements }, measured), other);
    assertEquals(saved, [other]);
  }
});

Deno.test("of a CPU nothing is kept: its adapter's name does not say which it is", async () => {
  const { measurements, saved } = memory(tuning);
  const software = { key: "software", software: true };
  assertEquals(await tuningOf(software, { measurements }, measured), other);
  assertEquals(saved, []);
});

Deno.test("a measurement can be kept, and names all tiles of a GPU", async () => {
  const limits = {
    minUniformBufferOffsetAlignment: 256,
    minStorageBufferOffsetAlignment: 256,
    maxBufferSize: 2 ** 30,
  };
  const gpu = new Gpu(countingGpu(limits as GPUSupportedLimits), 2 ** 27, Infinity);
  // Each look at the clock is later by more, so that everything seems to take long enough.
  let clock = 1;
  const found = await measureAdapter(gpu, false, () => clock *= 2);
  assertEquals(new Set(found.tiles.map(({ tile }) => tile)), new Set(GPU_TILES));
  assertEquals(gpu.memory.used, 0);
  const { measurements } = memory(found);
  assertEquals(await tuningOf(card("measured"), { measurements }, neverMeasured), found);
});
