/**
 * How a matrix product is dealt to subgroups that multiply matrices, where an adapter has them.
 *
 * @module
 */
import type { MatmulArgs } from "../operations.ts";
import type { GpuFeatures, SubgroupMatrixConfig } from "./features.ts";
import type { TemplateValues } from "./template.ts";

/** How a product is dealt to the subgroups of workgroups. */
export interface MatrixTile {
  /** Values of the kernel's template. */
  readonly values: TemplateValues;
  /** Rows of a workgroup. */
  readonly rows: number;
  /** Columns of a workgroup. */
  readonly columns: number;
  /** Steps of K at a time. */
  readonly steps: number;
}

/** Steps of K at a time: a multiple of every matrix's. */
const BK = 32;

/**
 * What a workgroup may compute: subgroups along rows and columns, rows and columns of each, and the
 * most sums that a thread holds.
 */
const SHAPES = [
  { SY: 2, SX: 4, subgroupRows: 64, subgroupColumns: 32, sums: 64 },
  { SY: 2, SX: 2, subgroupRows: 32, subgroupColumns: 32, sums: 32 },
] as const;

/** As many workgroups as keep a large GPU busy. */
const ENOUGH_GROUPS = 128;

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
  const factors = operands === "float16" ? ["f16", "f32"] : ["f32"];
  for (const factor of factors) {
    const [config] = matrices.filter((matrix) => isUsable(matrix, factor)).sort(largestFirst);
    if (!config) continue;
    const tiles = SHAPES.map((shape) => tileOf(shape, config, subgroups.max))
      .filter((tile) => fits(tile, limits));
    const enough = tiles.find(({ rows, columns }) =>
      batch * Math.ceil(M / rows) * Math.ceil(N / columns) >= ENOUGH_GROUPS
    );
    if (tiles.length > 0) return enough ?? tiles.at(-1);
  }
  return undefined;
}

function isUsable(matrix: SubgroupMatrixConfig, factor: string): boolean {
  const { componentType, resultComponentType, M, N, K } = matrix;
  const isWhole = M <= BK && N <= BK && BK % M === 0 && BK % N === 0 && BK % K === 0 && N % 4 === 0;
  return componentType === factor && resultComponentType === "f32" && isWhole;
}

function largestFirst(a: SubgroupMatrixConfig, b: SubgroupMatrixConfig): number {
  return b.M * b.N * b.K - a.M * a.N * a.K;
}

/** @param threads Of a subgroup, at most. */
function tileOf(
  { SX, SY, subgroupRows, subgroupColumns, sums }: typeof SHAPES[number],
  { componentType, M, N, K }: SubgroupMatrixConfig,
  threads: number,
): MatrixTile & { bytes: number; threads: number } {
  const HALF = componentType === "f16", bytes = HALF ? 2 : 4, PAD = 16 / bytes;
  let RM = subgroupRows / M, RN = subgroupColumns / N;
  while (RM * RN > 1 && RM * M * RN * N > sums * threads) {
    if (RM < RN) RN /= 2;
    else RM /= 2;
  }
  const rows = SY * RM * M, columns = SX * RN * N, THREADS = SX * SY * threads;
  const A_LOADS = rows * BK / 4 / THREADS, B_LOADS = columns * BK / 4 / THREADS;
  const sizes = { TM: M, TN: N, TK: K, SX, SY, RM, RN, BK, PAD, THREADS, A_LOADS, B_LOADS };
  return {
    values: { ...sizes, HALF, FACTOR: componentType },
    rows,
    columns,
    steps: BK,
    // In whichever order the tiles lie.
    bytes: bytes * (rows + columns + 2 * PAD) * (BK + PAD) + 4 * SX * SY * M * N,
    threads: THREADS,
  };
}

function fits({ bytes, threads }: { bytes: number; threads: number }, limits: GPUSupportedLimits) {
  return bytes <= limits.maxComputeWorkgroupStorageSize &&
    threads <= limits.maxComputeInvocationsPerWorkgroup &&
    threads <= limits.maxComputeWorkgroupSizeX;
}
