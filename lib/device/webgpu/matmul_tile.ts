/**
 * How a matrix product is dealt to threads, by its sizes and by what was measured of the adapter.
 *
 * @module
 */

/** What the threads of a workgroup compute. */
export interface MatmulTile {
  /**
   * Whether tiles of `a` and `b` go through workgroup memory, BK steps of K at a time: 8, 16 or 32.
   * TX and TY are multiples of eight then.
   */
  readonly BK: number | "registers only";
  /** Rows of a thread, a multiple of four. */
  readonly RM: number;
  /** Columns of a thread, a multiple of four. */
  readonly RN: number;
  /** Threads of a workgroup along columns. */
  readonly TX: number;
  /** Threads of a workgroup along rows. */
  readonly TY: number;
}

/** Tiles without workgroup memory, which software adapters run best. */
export const REGISTER_TILES: readonly MatmulTile[] = [
  { BK: "registers only", RM: 8, RN: 8, TX: 8, TY: 2 },
  { BK: "registers only", RM: 12, RN: 8, TX: 8, TY: 1 },
];

/**
 * Tiles for GPUs, from few to many outputs per workgroup, and flat ones for few rows. BK is such that
 * all threads bring as many blocks of both tiles, or nearly, in 16 KiB, which every adapter has.
 */
export const GPU_TILES: readonly MatmulTile[] = [
  { BK: 16, RM: 4, RN: 4, TX: 8, TY: 8 },
  { BK: 32, RM: 4, RN: 4, TX: 16, TY: 8 },
  { BK: 32, RM: 4, RN: 4, TX: 16, TY: 16 },
  { BK: 16, RM: 8, RN: 8, TX: 8, TY: 8 },
  { BK: 16, RM: 8, RN: 8, TX: 16, TY: 8 },
  { BK: 16, RM: 8, RN: 8, TX: 16, TY: 16 },
  { BK: "registers only", RM: 4, RN: 4, TX: 8, TY: 8 },
];

/** Every tile that may be chosen. */
export const MATMUL_TILES: readonly MatmulTile[] = [...REGISTER_TILES, ...GPU_TILES];

/** No tile has more rows. */
export const MOST_TILE_ROWS = 128;

/** For rows that are not whole vec4s, which no model has: what compiles quickly. */
export const UNALIGNED_TILE: MatmulTile = { BK: "registers only", RM: 4, RN: 4, TX: 8, TY: 8 };

/** How fast products are with a tile, in multiply-adds per millisecond. */
export interface TileRate {
  readonly tile: MatmulTile;
  /** Of one workgroup that has the adapter for itself. */
  readonly alone: number;
  /** Of as many workgroups as keep it busy, all together. */
  readonly together: number;
}

/** Sizes of what is dealt. */
export interface DealtSizes {
  readonly batch: number;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** How a product is dealt. */
export interface Deal {
  readonly tile: MatmulTile;
  /** Parts of K, whose sums are added up afterwards. */
  readonly splits: number;
}

/** Says how to deal a product whose K may be cut into so many parts at most. */
export type Dealer = (sizes: DealtSizes, mostSplits: number) => Deal;

/** Multiply-adds that take as long as writing a number of a part's sums and reading it again. */
const PARTIAL_WORK = 128;

/** Milliseconds that it takes to start the kernel that adds them up. */
const SUM_MS = 0.005;

/** Steps of K of a part, at least. */
const LEAST_STEPS = 128;

/** Rows and columns of a workgroup. */
export function tileSides({ RM, RN, TX, TY }: MatmulTile): { rows: number; columns: number } {
  return { rows: TY * RM, columns: TX * RN };
}

/**
 * Deals by what should take the least time. Few workgroups take as long as one alone would, many as
 * long as all of them together; with K in parts there are more, of less work each. It depends on sizes
 * and rates alone, so that a product has the same bits each time.
 */
export function dealerOf(rates: readonly TileRate[]): Dealer {
  return ({ batch, M, N, K }, mostSplits) => {
    let best: Deal | undefined, least = Infinity;
    for (const { tile, alone, together } of rates) {
      const { rows, columns } = tileSides(tile);
      const groups = batch * Math.ceil(M / rows) * Math.ceil(N / columns);
      const most = Math.min(mostSplits, K / LEAST_STEPS);
      for (let splits = 1; splits === 1 || splits <= most; splits *= 2) {
        const work = rows * columns * K / splits;
        const summing = splits * batch * M * N * PARTIAL_WORK / together + SUM_MS;
        const time = Math.max(work / alone, groups * splits * work / together) +
          (splits === 1 ? 0 : summing);
        if (time < least) [best, least] = [{ tile, splits }, time];
      }
    }
    return best!;
  };
}
