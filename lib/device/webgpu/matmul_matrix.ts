/**
 * How a matrix product is dealt to subgroups that multiply matrices, where an adapter has them.
 *
 * @module
 */
import type { MatmulArgs } from "../operations.ts";
import { type GpuFeatures, largestMatrix, type SubgroupMatrixConfig } from "./features.ts";

/** How a product is dealt to the subgroups of workgroups: values of the kernel's template. */
export type MatrixTile = Readonly<{
  /** Rows, columns and steps of K of a subgroup's matrices. */
  TM: number;
  TN: number;
  TK: number;
  /** Subgroups of a workgroup along columns and rows. */
  SX: number;
  SY: number;
  /** Matrices of a subgroup along rows and columns. */
  RM: number;
  RN: number;
  /** Steps of K at a time. */
  BK: number;
  /** Elements between two rows of a tile in workgroup memory. */
  PAD: number;
  /** Threads of a workgroup. */
  THREADS: number;
  /** Fours of numbers that each brings of a and of b. */
  A_LOADS: number;
  B_LOADS: number;
  /** Type of the factors, and whether that is float16. */
  FACTOR: string;
  HALF: boolean;
}>;

/** Bytes of a factor's steps of K at a time. */
const STEP_BYTES = 64;

/** Bytes between two rows of a tile: as many as a matrix's rows have to be aligned to. */
const PAD_BYTES = 16;

/**
 * What a workgroup may compute: subgroups along columns and rows, rows and columns of each, and the
 * most sums that a thread holds.
 */
const SHAPES = [
  { SX: 4, SY: 2, subgroupRows: 64, subgroupColumns: 32, sums: 64 },
  { SX: 2, SY: 2, subgroupRows: 32, subgroupColumns: 32, sums: 32 },
] as const;

/** As many workgroups as keep a large GPU busy. */
const ENOUGH_GROUPS = 128;

/** Steps of K of a part, at least. */
const LEAST_STEPS = 512;

/**
 * The tile for a product, of the largest matrices that the adapter has: of float16 where operands may
 * be rounded to it, else of float32. Undefined where it has none, or no room for a tile.
 */
export function matrixTileFor(
  { matrices, subgroups }: GpuFeatures,
  limits: GPUSupportedLimits,
  operands: MatmulArgs["operands"],
  { batch, M, N }: { batch: number; M: number; N: number },
): MatrixTile | undefined {
  if (!subgroups) return undefined;
  for (const factor of operands === "float16" ? ["f16", "f32"] as const : ["f32"] as const) {
    const config = largestMatrix(matrices, factor);
    const tiles = config
      ? SHAPES.map((shape) => tileOf(shape, config, subgroups.max)).filter((tile) =>
        fits(tile, limits)
      )
      : [];
    const groups = (tile: MatrixTile) =>
      batch * Math.ceil(M / rowsOf(tile)) * Math.ceil(N / columnsOf(tile));
    const tile = tiles.find((tile) => groups(tile) >= ENOUGH_GROUPS) ?? tiles.at(-1);
    if (tile) return tile;
  }
  return undefined;
}

/** Into how many parts K is cut, `most` at most, so that there are enough workgroups. */
export function matrixSplits(
  tile: MatrixTile,
  { batch, M, N, K }: { batch: number; M: number; N: number; K: number },
  most: number,
): number {
  const groups = batch * Math.ceil(M / rowsOf(tile)) * Math.ceil(N / columnsOf(tile));
  let splits = 1;
  while (groups * splits < ENOUGH_GROUPS && 2 * splits <= Math.min(most, K / LEAST_STEPS)) {
    splits *= 2;
  }
  return splits;
}

/** Rows of a workgroup. */
export function rowsOf({ SY, RM, TM }: MatrixTile): number {
  return SY * RM * TM;
}

/** Columns of a workgroup. */
export function columnsOf({ SX, RN, TN }: MatrixTile): number {
  return SX * RN * TN;
}

/** @param threads Of a subgroup, at most. */
function tileOf(
  { SX, SY, subgroupRows, subgroupColumns, sums }: typeof SHAPES[number],
  { componentType: FACTOR, M: TM, N: TN, K: TK }: SubgroupMatrixConfig,
  threads: number,
): MatrixTile {
  const HALF = FACTOR === "f16", bytes = HALF ? 2 : 4;
  const BK = STEP_BYTES / bytes, PAD = PAD_BYTES / bytes, THREADS = SX * SY * threads;
  let RM = subgroupRows / TM, RN = subgroupColumns / TN;
  while (RM * RN > 1 && RM * TM * RN * TN > sums * threads) {
    if (RM < RN) RN /= 2;
    else RM /= 2;
  }
  const [A_LOADS, B_LOADS] = [SY * RM * TM, SX * RN * TN].map((side) => side * BK / 4 / THREADS);
  return { TM, TN, TK, SX, SY, RM, RN, BK, PAD, THREADS, A_LOADS, B_LOADS, FACTOR, HALF };
}

/** Whether the adapter has room for a tile, whose parts are all whole. */
function fits(tile: MatrixTile, limits: GPUSupportedLimits): boolean {
  const { TM, TN, TK, SX, SY, RM, RN, BK, PAD, THREADS, A_LOADS, B_LOADS, HALF } = tile;
  const factors = (rowsOf(tile) + columnsOf(tile) + 2 * PAD) * (BK + PAD);
  const bytes = (HALF ? 2 : 4) * factors + 4 * SX * SY * TM * TN;
  return [RM, RN, TN / 4, BK / TK, A_LOADS, B_LOADS].every(Number.isInteger) &&
    bytes <= limits.maxComputeWorkgroupStorageSize &&
    THREADS <= limits.maxComputeInvocationsPerWorkgroup &&
    THREADS <= limits.maxComputeWorkgroupSizeX;
}
