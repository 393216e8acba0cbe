/**
 * Which matmul tile suits an adapter, found by a short measurement.
 *
 * @module
 */
import type { Gpu } from "./gpu.ts";
import { matmulOperations, type MatmulPlan, type MatmulTile } from "./matmul.ts";

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
  /** See {@link MatmulPlan.enoughGroups}. */
  readonly enoughGroups: number;
}

/** Measurements last about this long, in milliseconds, once warm. */
const MEASURE_MS = 25;

/** However fast a GPU is, a measurement is of at most so many products. */
const MAX_REPETITIONS = 500;

/** A product of few outputs, whose workgroups are not enough for a large GPU: M, N and K. */
const NARROW = [512, 512, 16384] as const;

/** How many workgroups may be enough, fewest first. */
const ENOUGH_GROUPS = [0, 64, 128, 256, 512];

/** More workgroups than before must be faster by as much, since their sums take memory. */
const GAIN = 0.97;

/**
 * Times the candidates on square products, small and large, since a large tile leaves most of a GPU
 * idle on a small product; then on a narrow one with a long K, how many workgroups keep it busy.
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
    const plans = candidates.map((tile) => ({ tile, tileFor: () => tile, enoughGroups: 0 }));
    const { times, repetitions } = await timesOf(gpu, now, [side, side, side], "nt", plans);
    const best = times.indexOf(Math.min(...times));
    rate = repetitions * side ** 3 / times[best];
    tiles.push({ outputSize: side * side, tile: candidates[best] });
  }
  tiles[tiles.length - 1].outputSize = Infinity;
  // A CPU has no workgroups that wait for work.
  if (software) return { tiles, rate, enoughGroups: 0 };
  const plans = ENOUGH_GROUPS.map((enoughGroups) => (
    { tileFor: (outputSize: number) => tileFor(tiles, outputSize), enoughGroups }
  ));
  const { times } = await timesOf(gpu, now, NARROW, "tn", plans);
  let best = 0;
  for (const i of times.keys()) if (times[i] < GAIN * times[best]) best = i;
  return { tiles, rate, enoughGroups: ENOUGH_GROUPS[best] };
}

/** How long as many products take by each of some plans, in milliseconds. */
async function timesOf(
  gpu: Gpu,
  now: () => number,
  [M, N, K]: readonly [number, number, number],
  layout: "nt" | "tn",
  plans: readonly MatmulPlan[],
): Promise<{ times: number[]; repetitions: number }> {
  const shapes = [[M, N], layout === "tn" ? [K, M] : [M, K], layout === "tn" ? [K, N] : [N, K]];
  const [out, a, b] = shapes.map((shape) => gpu.allocate("measured", shape, "float32"));
  const timed = async (plan: MatmulPlan, repetitions: number): Promise<number> => {
    const { matmul } = matmulOperations(gpu, plan);
    const start = now();
    for (let i = 0; i < repetitions; i++) matmul({ out, a, b, layout });
    gpu.submit();
    await gpu.answer(gpu.device.queue.onSubmittedWorkDone());
    return now() - start;
  };
  const times: number[] = [];
  let repetitions = 0;
  for (const plan of plans) {
    await timed(plan, 1);
    if (repetitions === 0) {
      // Waiting alone takes some ten milliseconds, so the work must take longer.
      const waiting = await timed(plan, 0);
      // Five products are too much at once for the slowest.
      const tries = await timed(plan, 1) - waiting > MEASURE_MS ? 1 : 5;
      const each = (await timed(plan, tries) - waiting) / tries;
      repetitions = Math.ceil(MEASURE_MS / Math.max(each, MEASURE_MS / MAX_REPETITIONS));
    }
    times.push(await timed(plan, repetitions));
  }
  for (const tensor of [out, a, b]) gpu.free(tensor);
  return { times, repetitions };
}

/** The tile for an output of so many elements. */
export function tileFor(choice: TileChoice, outputSize: number): MatmulTile {
  return choice.find((entry) => outputSize <= entry.outputSize)!.tile;
}
