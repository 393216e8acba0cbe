/**
 * Which kernel computes a matrix product, and what it is told.
 *
 * @module
 */
import factors from "../../../kernels/webgpu/factors.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import common from "../../../kernels/webgpu/matmul.wgsl" with { type: "text" };
import fewRowsMain from "../../../kernels/webgpu/matmul_few_rows.wgsl" with { type: "text" };
import matrixMain from "../../../kernels/webgpu/matmul_matrix.wgsl" with { type: "text" };
import outPart from "../../../kernels/webgpu/matmul_out.wgsl" with { type: "text" };
import registerMain from "../../../kernels/webgpu/matmul_register.wgsl" with { type: "text" };
import sharedMain from "../../../kernels/webgpu/matmul_shared.wgsl" with { type: "text" };
import sumMain from "../../../kernels/webgpu/matmul_sum.wgsl" with { type: "text" };
import { bytesOf } from "../tensor.ts";
import type { Gpu } from "./gpu.ts";
import type { Kernel } from "./kernel.ts";
import { columnsOf, matrixSplits, matrixTileFor, rowsOf } from "./matmul_matrix.ts";
import type { Part } from "./matmul_parts.ts";
import { type Dealer, tileSides, UNALIGNED_TILE } from "./matmul_tile.ts";
import { storage } from "./storage.ts";
import type { TemplateValues } from "./template.ts";

const COMMON = halves + factors + common + outPart;
const FEW_ROWS_SOURCE = COMMON + fewRowsMain;
const MATRIX_SOURCE = COMMON + matrixMain;
const REGISTER_SOURCE = COMMON + registerMain;
const SHARED_SOURCE = COMMON + sharedMain;
const SUM_SOURCE = halves + outPart + sumMain;

/** As many rows as the kernel for few rows takes, and its columns of a workgroup. */
const FEW_ROWS = 8, FEW_ROWS_COLUMNS = 8;

/** Bytes of partial sums at most, of products whose K is cut into parts. */
const MOST_PARTIAL_BYTES = 2 ** 25;

/** Threads of the kernel that adds them up. */
export const SUM_THREADS = 64;

/** A kernel for a product. */
interface Choice {
  source: string;
  /** Its template's values beside those of all products. */
  values: TemplateValues;
  /** Rows and columns of a workgroup, and steps of K at a time. */
  rows: number;
  columns: number;
  step: number;
  /** Parts of K. */
  splits: number;
  /** Whether it takes several products as one. */
  takesPieces: boolean;
}

/** How a product is computed: all but what its kernels are bound to. */
export interface Plan {
  kernel: Kernel;
  uniforms: Readonly<Record<string, number>>;
  groups: readonly [number, number, number];
  /** Multiply-adds. */
  work: number;
  /** What adds up the sums of parts, where K is cut. */
  sum?: { kernel: Kernel; parts: number };
}

/**
 * Plans a product. Undefined where it is several products as one and no kernel suits them all: their
 * ends are not at whole workgroups, or at whole steps of K.
 */
export function planOf(gpu: Gpu, part: Part, deal: Dealer): Plan | undefined {
  const { layout, batch, M, N, K, rows, tensors, epilogue, ends } = part;
  const { a, b, out, c, activation } = tensors;
  const choice = choose(gpu, part, deal), { step } = choice;
  if (ends.length > 1 && !hasWholePieces(part, choice)) return undefined;
  // Whole steps of the kernel; a last part may be shorter, or there are fewer.
  const steps = Math.ceil(Math.ceil(K / choice.splits) / step) * step;
  const splits = Math.max(1, Math.ceil(K / steps));
  const SPLIT = splits > 1;
  const ALIGNED = isAligned(part);
  const width = ALIGNED ? 4 : 1;
  const HALF = part.operands === "float16" && gpu.features.float16;
  const finished: TemplateValues = {
    ...storage("OUT", out[0].tensor, width),
    ...storage("ADDEND", c?.tensor, width),
    ...storage("ACTIVATION", activation?.tensor, width),
    OUT_PIECES: out.length,
    C: part.beta === 0 ? 0 : c ? 2 : 1,
    EPILOGUE: !epilogue ? 0 : epilogue.kind === "reluSquare" ? 1 : 2,
    ALIGNED,
  };
  const unfinished = { ...storage("OUT", undefined, width), OUT_PIECES: 1, C: 0, EPILOGUE: 0 };
  const values: TemplateValues = {
    ...storage("A", a[0].tensor, width),
    ...storage("B", b[0].tensor, width),
    ...finished,
    ...SPLIT ? unfinished : {},
    A_PIECES: a.length,
    B_PIECES: b.length,
    PIECES: Math.max(1, ends.length),
    SPLIT,
    SYMMETRIC: part.symmetric && ALIGNED,
    HALF,
    // Four factors in workgroup memory.
    FOUR: HALF ? "vec4<f16>" : "vec4f",
    // See MatmulArgs.operands.
    A_GRADIENT: layout !== "nt",
    MASKED: K % step !== 0,
    // Whether K runs along the stored rows of a and of b.
    A_K_ROWS: layout === "tn",
    B_K_ROWS: layout !== "nt",
    ...choice.values,
  };
  const uniforms = {
    M,
    N,
    K,
    aRow: rows.a,
    bRow: rows.b,
    outRow: rows.out,
    aMatrix: M * K,
    bMatrix: K * N,
    outMatrix: M * N,
    aColumn: part.aColumn,
    outColumn: part.outColumn,
    alpha: SPLIT ? 1 : part.alpha,
    beta: part.beta,
    batch,
    part: steps,
    ...numbered("end", ends),
  };
  const groups = [
    Math.ceil(N / choice.columns),
    Math.ceil(M / choice.rows),
    batch * splits,
  ] as const;
  const sum = SPLIT
    ? { kernel: gpu.kernel(SUM_SOURCE, { ...finished, OUT_PIECES: 1 }), parts: splits }
    : undefined;
  const work = batch * M * N * K / (values.SYMMETRIC ? 2 : 1);
  return { kernel: gpu.kernel(choice.source, values), uniforms, groups, work, sum };
}

/** Values by a name and their number. */
export function numbered<T>(name: string, values: readonly T[]): Record<string, T> {
  return Object.fromEntries(values.map((value, i) => [`${name}${i}`, value]));
}

/** Whether rows are whole vec4s. */
function isAligned({ N, rows, ends }: Part): boolean {
  return [rows.a, rows.b, rows.out, N, ...ends].every((length) => length % 4 === 0);
}

/** Whether each workgroup, and each of its steps, is in one of the products that are taken as one. */
function hasWholePieces(part: Part, choice: Choice): boolean {
  const { layout, ends } = part;
  const { rows, columns, step, takesPieces } = choice;
  const unit = layout === "nt" ? columns : layout === "nn" ? step : rows;
  return takesPieces && isAligned(part) && ends.every((end) => end % unit === 0);
}

/** Which kernel suits a product. */
function choose(gpu: Gpu, part: Part, deal: Dealer): Choice {
  const { features, device: { limits } } = gpu;
  const aligned = isAligned(part);
  const mostSplits = aligned ? mostSplitsOf(gpu, part) : 1;
  const { tile, splits } = aligned ? deal(part, mostSplits) : { tile: UNALIGNED_TILE, splits: 1 };
  const inRegisters = tile.BK === "registers only";
  if (part.layout === "nt" && part.M <= FEW_ROWS) {
    // Of 16 bits each thread takes as many bytes of a row at a time.
    const FOURS = bytesOf(part.tensors.b[0].tensor.dtype) === 2 ? 2 : 1;
    // More threads wait for memory at once; where the CPU is the adapter, they only take turns.
    const TX = inRegisters ? 8 : 32;
    const values = { R: 2 ** Math.ceil(Math.log2(part.M)), FOURS, TX };
    const sides = { rows: FEW_ROWS, columns: FEW_ROWS_COLUMNS, step: 4 * FOURS * TX };
    return { source: FEW_ROWS_SOURCE, values, ...sides, splits: 1, takesPieces: true };
  }
  const matrixTile = aligned ? matrixTileFor(features, limits, part.operands, part) : undefined;
  if (matrixTile) {
    const sides = { rows: rowsOf(matrixTile), columns: columnsOf(matrixTile), step: matrixTile.BK };
    const splits = matrixSplits(matrixTile, part, mostSplits);
    return { source: MATRIX_SOURCE, values: matrixTile, ...sides, splits, takesPieces: true };
  }
  const sides = tileSides(tile);
  if (inRegisters) {
    const values = { ...tile };
    return { source: REGISTER_SOURCE, values, ...sides, step: 4, splits, takesPieces: false };
  }
  const blocks = Number(tile.BK) * (sides.rows + sides.columns) / 16;
  const values = { ...tile, LOADS: Math.ceil(blocks / (tile.TX * tile.TY)) };
  const step = Number(tile.BK);
  return { source: SHARED_SOURCE, values, ...sides, step, splits, takesPieces: true };
}

/** Into how many parts K may be cut: where they lie in memory as out does, and there is room. */
function mostSplitsOf(gpu: Gpu, { layout, batch, M, N, rows, ends }: Part): number {
  const lieAlike = N === rows.out && (layout !== "nt" || ends.length === 0);
  const bytes = Math.min(MOST_PARTIAL_BYTES, gpu.maxBindingBytes);
  return lieAlike ? Math.floor(bytes / (4 * batch * M * N)) : 1;
}
