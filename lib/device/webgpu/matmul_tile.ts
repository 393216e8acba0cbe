/**
 * Which matmul tile suits an adapter, found by a short measurement.
 *
 * @module
 */
import type { Gpu } from "./gpu.ts";
import { matmulOperations, type MatmulTile } from "./matmul.ts";

/** Tiles without workgroup memory, which software adapters run best. */
const REGISTER_TILES: readonly MatmulTile[] = [
  { BK: "registers only", RM: 8, RN: 8, TX: 8, TY: 2 },
  { BK: "registers only", RM: 12, RN: 8, TX: 8, TY: 1 },
];

/** Tiles for GPUs, from few to many outputs per workgroup. */
const GPU_TILES: readonly MatmulTile[] = [
  { BK: 16, RM: 4, RN: 4, TX: 8, TY: 8 },
  { BK: 16, RM: 4, RN: 4, TX: 16, TY: 16 },
  { BK: 16, RM: 8, RN: 8, TX: 8, TY: 8 },
  { BK: 16, RM: 8, RN: 4, TX: 16, TY: 16 },
  { BK: 16, RM: 8, RN: 8, TX: 16, TY: 16 },
  { BK: "registers only", RM: 4, RN: 4, TX: 8, TY: 8 },
];

/** Every tile that may be chosen. */
export const MATMUL_TILES: readonly MatmulTile[] = [...REGISTER_TILES, ...GPU_TILES];

/** The tiles found best, for outputs up to so many elements. */
export type TileChoice = readonly { readonly outputSize: number; readonly tile: MatmulTile }[];

/** What was measured of an adapter. */
export interface Measured {
  readonly tiles: TileChoice;
  /** Multiply-adds per millisecond in a large product. */
  readonly rate: number;
}

/** Measurements last about this long, in milliseconds, once warm. */
const MEASURE_MS = 25;

/** However fast a GPU is, a measurement is of at most so many products. */
const MAX_REPETITIONS = 500;

/**
 * Times the candidates on square products, small and large, since a large tile leaves most of a GPU
 * idle on a small product.
 *
 * @param software Whether the adapter runs on the CPU.
 * @param now A clock in milliseconds.
 */
export async function measure(gpu: Gpu, software: boolean, now: () => number): Promise<Measured> {
  const sides = software ? [256] : [512, 2048];
  const candidates = software ? REGISTER_TILES : GPU_TILES;
  const tiles: { outputSize: number; tile: MatmulTile }[] = [];
  let rate = 0;
  for (const side of sides) {
    const shape = [side, side];
    const [out, a, b] = ["out", "a", "b"].map((name) => gpu.allocate(name, shape, "float32"));
    const timed = async (tile: MatmulTile, repetitions: number): Promise<number> => {
      const { matmul } = matmulOperations(gpu, () => tile);
      const start = now();
      for (let i = 0; i < repetitions; i++) matmul({ out, a, b, layout: "nt" });
      gpu.submit();
      await gpu.answer(gpu.device.queue.onSubmittedWorkDone());
      return now() - start;
    };
    let best = { tile: candidates[0], time: Infinity };
    let repetitions = 0;
    for (const tile of candidates) {
      await timed(tile, 1);
      if (repetitions === 0) {
        // Waiting alone takes some ten milliseconds, so the work must take longer.
        const waiting = await timed(tile, 0);
        // Five products are too much at once for the slowest.
        const tries = await timed(tile, 1) - waiting > MEASURE_MS ? 1 : 5;
        const each = (await timed(tile, tries) - waiting) / tries;
        repetitions = Math.ceil(MEASURE_MS / Math.max(each, MEASURE_MS / MAX_REPETITIONS));
      }
      const time = await timed(tile, repetitions);
      if (time < best.time) best = { tile, time };
    }
    rate = repetitions * side ** 3 / best.time;
    for (const tensor of [out, a, b]) gpu.free(tensor);
    tiles.push({ outputSize: side * side, tile: best.tile });
  }
  tiles[tiles.length - 1].outputSize = Infinity;
  return { tiles, rate };
}

/** The tile for an output of so many elements. */
export function tileFor(choice: TileChoice, outputSize: number): MatmulTile {
  return choice.find((entry) => outputSize <= entry.outputSize)!.tile;
}
