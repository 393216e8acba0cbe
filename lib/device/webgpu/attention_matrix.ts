/**
 * How attention's products are dealt to subgroups that multiply matrices, where an adapter has them.
 *
 * @module
 */
import type { DType } from "../tensor.ts";
import { type GpuFeatures, largestMatrix, type SubgroupMatrixConfig } from "./features.ts";

/** How a tile is dealt to threads and subgroups: values of the kernels' template. */
export type AttentionMatrixTile = Readonly<{
  /** Threads along columns and rows. */
  TX: number;
  TY: number;
  /** Rows and columns of a thread; four columns, so that all are as many as numbers taken at once. */
  RR: number;
  CC: 4;
  /** Rows, columns and steps of a subgroup's matrices. */
  TM: number;
  TN: number;
  TK: number;
  /** Subgroups that work, and the matrices of each. */
  SUBGROUPS: number;
  MATRICES: number;
  /** Elements between two rows in workgroup memory. */
  PAD: number;
  /** Type of the factors, and whether that is float16. */
  FACTOR: string;
  HALF: boolean;
}>;

/** Threads along columns and rows, best first; always for 32 rows. */
const SHAPES = [{ TX: 16, TY: 8 }, { TX: 8, TY: 8 }] as const;

/**
 * The tile for queries of a type: in float16 where they are, else in float32. Undefined where the
 * adapter has no such matrices, or no room for a tile.
 */
export function matrixTileFor(
  { matrices, subgroups }: GpuFeatures,
  limits: GPUSupportedLimits,
  dtype: DType,
): AttentionMatrixTile | undefined {
  if (!subgroups) return undefined;
  for (const factor of dtype === "float16" ? ["f16", "f32"] as const : ["f32"] as const) {
    const config = largestMatrix(matrices, factor);
    const tiles = config ? SHAPES.map((shape) => tileOf(shape, config, subgroups.max)) : [];
    const tile = tiles.find((tile) => fits(tile, limits));
    if (tile) return tile;
  }
  return undefined;
}

/** @param threads Of a subgroup, at most. */
function tileOf(
  { TX, TY }: { TX: number; TY: number },
  { componentType: FACTOR, M: TM, N: TN, K: TK }: SubgroupMatrixConfig,
  threads: number,
): AttentionMatrixTile {
  const HALF = FACTOR === "f16", RR = 4, CC = 4, PAD = HALF ? 8 : 4;
  const count = (TY * RR / TM) * (TX * CC / TN);
  const SUBGROUPS = Math.min(TX * TY / threads, count), MATRICES = count / SUBGROUPS;
  return { TX, TY, RR, CC, TM, TN, TK, SUBGROUPS, MATRICES, PAD, FACTOR, HALF };
}

/** Whether the adapter has room for a tile, whose parts are all whole. */
function fits(tile: AttentionMatrixTile, limits: GPUSupportedLimits): boolean {
  const { TX, TY, RR, TM, TN, TK, SUBGROUPS, MATRICES, PAD, HALF } = tile;
  const rows = TY * RR, columns = 4 * TX;
  const factors = (rows + columns) * (columns + PAD);
  // What the forward pass keeps for each thread comes to the sums.
  const bytes = (HALF ? 2 : 4) * factors + 4 * rows * (columns + 4) + 4 * rows * TX;
  const whole = [rows / TM, columns / TN, columns / TK, SUBGROUPS, MATRICES];
  return whole.every(Number.isInteger) && bytes <= limits.maxComputeWorkgroupStorageSize &&
    TX * TY <= limits.maxComputeInvocationsPerWorkgroup;
}
