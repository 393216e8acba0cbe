/**
 * Prints what training takes of a GPU's memory, for `docs/memory.md`: `deno run -A docs/make_memory.ts`.
 * There need not be one: nothing is allocated.
 *
 * @module
 */
import type { Hardware } from "../lib/device/mod.ts";
import { createWebGpuDevice } from "../lib/device/webgpu/mod.ts";
import { NEWEST_PARTS } from "../lib/model/mod.ts";
import { computeTypes, countTraining, formatMemory, mostRows } from "../lib/training/mod.ts";
import { countingWebGpu } from "../bench/counts/counting_webgpu.ts";
import { table } from "../bench/scaling/markdown.ts";
import { configOf } from "../bench/scaling/model.ts";

/** Bytes that cards have. */
const CARDS = [6e9, 16e9, 24e9, 80e9];
/** nanochat's. */
const STEP = 524288;

const head = ["model", "type", "layers", "weights", "gradients", "moments", "a row", "one row"];
const rows: string[][] = [[...head, ...CARDS.map((bytes) => `${bytes / 1e9} GB`)]];
const large = await open(2 ** 40);
for (const depth of [12, 20, 32]) {
  const config = configOf(depth), { sequenceLen: T } = config;
  for (const dtype of computeTypes(large, config)) {
    const shape = { config, parts: NEWEST_PARTS, dtype };
    for (const recompute of [false, true]) {
      const memory = await countTraining(large, shape, { rows: 1, T, recompute });
      const { weights, gradients, moments, activationsPerRow, total } = memory;
      const sizes = [weights, gradients, moments, activationsPerRow, total].map(formatMemory);
      const fitting: number[] = [];
      for (const maxMemoryBytes of CARDS) {
        const card = await open(maxMemoryBytes);
        const size = { maxSeqLen: T, totalBatchSize: STEP };
        fitting.push(await mostRows(card, shape, size, { recompute }));
        await card.close();
      }
      const layers = recompute ? "computed again" : "kept";
      rows.push([`d${depth}`, dtype, layers, ...sizes, ...fitting.map((rows) => `${rows}`)]);
    }
  }
}
await large.close();
console.log(table(rows[0], rows.slice(1)));

/** A card that counts. */
async function open(maxMemoryBytes: number): Promise<Hardware> {
  const matmulTile = { BK: 16, RM: 8, RN: 8, TX: 16, TY: 16 } as const;
  return await createWebGpuDevice({ gpu: countingWebGpu().gpu, maxMemoryBytes, matmulTile });
}
