/**
 * How attention's products are dealt to subgroups that multiply matrices, where an adapter has them.
 *
 * @module
 */
import { type GpuFeatures, largestMatrix, type SubgroupMatrixConfig } from "./features.ts";

/** How a tile is dealt to threads and subgroups: values of the kernels' template. */
export type AttentionMatrixTile = Readonly<{
  /** Threads along rows and columns, each of which has four. */
  SIDE: number;
  /** All rows' heads do not stay in workgroup memory. */
  STAGED: false;
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
  FLOAT: string;
  HALF: boolean;
}>;

/** Threads along rows and columns, best first. */
const SIDES = [16, 8];

/**
 * The tile for factors in float16 or in float32. Undefined where the adapter has no such matrices, or
 * no room for a tile.
 */
export function matrixTileFor(
  { matrices, subgroups }: GpuFeatures,
  limits: GPUSupportedLimits,
  float16: boolean,
): AttentionMatrixTile | undefined {
  const config = largestMatrix(matrices, float16 ? "f16" : "f32");
  if (!config || !subgroups) return undefined;
  return SIDES.map((side) => tileOf(side, config, subgroups.max))
    .find((tile) => fits(tile, limits));
}

/** @param threads Of a subgroup, at most. */
function tileOf(
  SIDE: number,
  { componentType: FLOAT, M: TM, N: TN, K: TK }: SubgroupMatrixConfig,
  threads: number,
): AttentionMatrixTile {
  const HALF = FLOAT === "f16", PAD = HALF ? 8 : 4;
  const count = (4 * SIDE / TM) * (4 * SIDE / TN);
  const SUBGROUPS = Math.min(SIDE * SIDE / threads, count), MATRICES = count / SUBGROUPS;
  return { SIDE, STAGED: false, TM, TN, TK, SUBGROUPS, MATRICES, PAD, FLOAT, HALF };
}

/** Whether the adapter has room for a tile, whose parts are all whole. */
function fits(tile: AttentionMatrixTile, limits: GPUSupportedLimits): boolean {
  const { SIDE, TM, TN, TK, SUBGROUPS, MATRICES, PAD, HALF } = tile;
  const rows = 4 * SIDE;
  // What the forward pass keeps for each thread comes to the factors and the sums.
  const bytes = 2 * rows * (rows + PAD) * (HALF ? 2 : 4) + 4 * rows * (rows + 4) + 4 * rows * SIDE;
  return [rows / TM, rows / TN, rows / TK, SUBGROUPS, MATRICES].every(Number.isInteger) &&
    bytes <= limits.maxComputeWorkgroupStorageSize &&
    SIDE * SIDE <= limits.maxComputeInvocationsPerWorkgroup;
}
