/**
 * What is measured of an adapter before its first use: how fast products are with each tile, and how
 * fast it can multiply and add at most.
 *
 * @module
 */
import type { PeakFlops } from "../device.ts";
import type { OpenAdapter } from "./adapter.ts";
import { type Gpu, viewOf } from "./gpu.ts";
import { matmulOperations } from "./matmul.ts";
import {
  GPU_TILES,
  MATMUL_TILES,
  type MatmulTile,
  REGISTER_TILES,
  type TileRate,
  tileSides,
} from "./matmul_tile.ts";
import { measurePeak } from "./peak.ts";

/** Where measurements of adapters are kept from one process to the next. */
export interface Measurements {
  /** What was saved under a key, as far as it can be read. */
  load(key: string): Promise<unknown>;
  /** Keeps a value that can be written as JSON. */
  save(key: string, value: unknown): Promise<void>;
}

/** How a device comes to know its adapter. */
export interface TunerOptions {
  /** Where measurements of hardware are kept; in this process alone unless given. */
  measurements?: Measurements;
  /** Whether the adapter is measured anew, although that was done before. */
  retune?: boolean;
  /** A clock in milliseconds for measuring; `performance.now` unless given. */
  now?: () => number;
}

/** What was measured of an adapter. */
export interface Tuning {
  /** Those of the tiles that may be chosen. */
  readonly tiles: readonly TileRate[];
  /** Multiply-adds per millisecond in a large product. */
  readonly rate: number;
  readonly peak: PeakFlops;
}

/** To be raised whenever kernels of products change, so that they are measured anew. */
const VERSION = 1;

/** Measurements last about this long, in milliseconds, once warm. */
const MEASURE_MS = 25;

/** However fast a GPU is, a measurement is of at most so many products. */
const MAX_REPETITIONS = 500;

/** What this process measured or loaded, by the adapters' keys. */
const known = new Map<string, Tuning>();

/**
 * What is known of an adapter, measured unless this process or `measurements` knows it. Software is
 * measured in each process: its name does not say on which CPU it runs.
 */
export async function tuningOf(
  { key, software }: Pick<OpenAdapter, "key" | "software">,
  { measurements, retune = false }: TunerOptions,
  measure: () => Promise<Tuning>,
): Promise<Tuning> {
  const versioned = `${VERSION} ${key}`;
  const kept = software ? undefined : measurements;
  let tuning: unknown;
  if (!retune) tuning = known.get(versioned) ?? await kept?.load(versioned);
  if (!isTuning(tuning)) {
    tuning = await measure();
    await kept?.save(versioned, tuning);
  }
  known.set(versioned, tuning as Tuning);
  return tuning as Tuning;
}

/** Measures an adapter; see {@link measureTiles} and {@link measurePeak}. */
export async function measureAdapter(
  gpu: Gpu,
  software: boolean,
  now: () => number = () => performance.now(),
): Promise<Tuning> {
  const peak = await measurePeak(gpu, software, now);
  return { ...await measureTiles(gpu, software, now), peak };
}

/**
 * Times the candidates: of a GPU each on a large product and on one that a single workgroup computes;
 * of software all on a small one, of which the best is kept.
 *
 * @param software Whether the adapter runs on the CPU.
 * @param now A clock in milliseconds.
 */
export async function measureTiles(
  gpu: Gpu,
  software: boolean,
  now: () => number,
): Promise<Omit<Tuning, "peak">> {
  const candidates = software ? REGISTER_TILES : GPU_TILES;
  const [least, most] = software ? [256, 256] : [512, 2048];
  const tensors = ["out", "a", "b"].map((name) => gpu.allocate(name, [most, most], "float32"));
  /** How long so many products of M rows and N columns take, in milliseconds. */
  const timed = async (
    tile: MatmulTile,
    [M, N, K]: readonly [number, number, number],
    repetitions: number,
  ): Promise<number> => {
    const { matmul } = matmulOperations(gpu, () => ({ tile, splits: 1 }));
    const [out, a, b] = [[M, N], [M, K], [N, K]].map((shape, i) => viewOf(tensors[i], shape));
    const start = now();
    for (let i = 0; i < repetitions; i++) matmul({ out, a, b, layout: "nt" });
    gpu.submit();
    await gpu.answer(gpu.device.queue.onSubmittedWorkDone());
    return now() - start;
  };
  /** Multiply-adds per millisecond. */
  const rateOf = async (tile: MatmulTile, sizes: readonly [number, number, number]) => {
    await timed(tile, sizes, 1);
    // Waiting alone takes some ten milliseconds, so the work must take longer.
    const waiting = await timed(tile, sizes, 0);
    // Five products are too much at once for the slowest.
    const tries = await timed(tile, sizes, 1) - waiting > MEASURE_MS ? 1 : 5;
    const each = (await timed(tile, sizes, tries) - waiting) / tries;
    const repetitions = Math.ceil(MEASURE_MS / Math.max(each, MEASURE_MS / MAX_REPETITIONS));
    const time = Math.max(await timed(tile, sizes, repetitions) - waiting, MEASURE_MS / 10);
    const [M, N, K] = sizes;
    return repetitions * M * N * K / time;
  };

  let side = least;
  const isQuick = async () =>
    side ** 3 / await rateOf(candidates[0], [side, side, side]) < MEASURE_MS / 5;
  while (side < most && await isQuick()) side *= 2;
  const tiles: TileRate[] = [];
  for (const tile of candidates) {
    const together = await rateOf(tile, [side, side, side]);
    const { rows, columns } = tileSides(tile);
    const alone = software ? together : await rateOf(tile, [rows, columns, side]);
    tiles.push({ tile, alone: Math.min(alone, together), together });
  }
  for (const tensor of tensors) gpu.free(tensor);
  tiles.sort((one, other) => other.together - one.together);
  const rate = tiles[0].together;
  return { tiles: software ? tiles.slice(0, 1) : tiles, rate };
}

/** Whether a value that was read is a whole measurement, of tiles that there are. */
function isTuning(value: unknown): value is Tuning {
  const { tiles, rate, peak } = Object(value);
  const { float32, float16 } = Object(peak);
  const isRate = (number: unknown) => Number.isFinite(number) && Number(number) > 0;
  const isTileRate = (entry: unknown) => {
    const { tile, alone, together } = Object(entry);
    return [alone, together].every(isRate) && TILES.has(JSON.stringify(tile));
  };
  return [rate, float32, float16].every(isRate) && Array.isArray(tiles) && tiles.length > 0 &&
    tiles.every(isTileRate);
}

/** Every tile that is measured, as it is written. */
const TILES = new Set(MATMUL_TILES.map((tile) => JSON.stringify(tile)));
