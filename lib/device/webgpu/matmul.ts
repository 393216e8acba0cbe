/**
 * Matrix products on WebGPU.
 *
 * @module
 */
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import common from "../../../kernels/webgpu/matmul.wgsl" with { type: "text" };
import fewRowsMain from "../../../kernels/webgpu/matmul_few_rows.wgsl" with { type: "text" };
import matrixMain from "../../../kernels/webgpu/matmul_matrix.wgsl" with { type: "text" };
import outPart from "../../../kernels/webgpu/matmul_out.wgsl" with { type: "text" };
import registerMain from "../../../kernels/webgpu/matmul_register.wgsl" with { type: "text" };
import sharedMain from "../../../kernels/webgpu/matmul_shared.wgsl" with { type: "text" };
import sumMain from "../../../kernels/webgpu/matmul_sum.wgsl" with { type: "text" };
import type { MatmulArgs, Operations } from "../operations.ts";
import { bytesOf } from "../tensor.ts";
import type { Bindings, Gpu, Slice } from "./gpu.ts";
import { columnsOf, matrixSplits, matrixTileFor, rowsOf } from "./matmul_matrix.ts";
import { asOne, type Part, partsOf } from "./matmul_parts.ts";
import { type Dealer, tileSides, UNALIGNED_TILE } from "./matmul_tile.ts";
import { storage } from "./storage.ts";
import type { TemplateValues } from "./template.ts";

const FEW_ROWS_SOURCE = halves + common + outPart + fewRowsMain;
const MATRIX_SOURCE = halves + common + outPart + matrixMain;
const REGISTER_SOURCE = halves + common + outPart + registerMain;
const SHARED_SOURCE = halves + common + outPart + sharedMain;
const SUM_SOURCE = halves + outPart + sumMain;

/** As many rows as the kernel for few rows takes, and its columns of a workgroup. */
const FEW_ROWS = 8, FEW_ROWS_COLUMNS = 8;

/** Bytes of partial sums at most, of products whose K is cut into parts. */
const MOST_PARTIAL_BYTES = 2 ** 25;

/** Threads of the kernel that adds them up. */
const SUM_THREADS = 64;

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

/** See {@link Operations}; `deal` says how a product is dealt to threads. */
export function matmulOperations(
  gpu: Gpu,
  deal: Dealer,
): Pick<Operations, "matmul" | "matmulGroup"> {
  const multiply = (args: MatmulArgs) => {
    for (const part of partsOf(gpu, args)) runPart(gpu, part, choose(gpu, part, deal));
  };
  return {
    matmul(args) {
      multiply(args);
    },
    matmulGroup({ products }) {
      const part = asOne(gpu, products);
      const choice = part && isAligned(part) ? choose(gpu, part, deal) : undefined;
      if (part && choice && hasWholePieces(part, choice)) runPart(gpu, part, choice);
      else products.forEach(multiply);
    },
  };
}

/** Whether rows are whole vec4s. */
function isAligned({ N, rows, ends }: Part): boolean {
  return [rows.a, rows.b, rows.out, N, ...ends].every((length) => length % 4 === 0);
}

/** Whether each workgroup, and each of its steps, is in one of the products that are taken as one. */
function hasWholePieces({ layout, ends }: Part, choice: Choice): boolean {
  const { rows, columns, step, takesPieces } = choice;
  const unit = layout === "nt" ? columns : layout === "nn" ? step : rows;
  return takesPieces && ends.every((end) => end % unit === 0);
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

function runPart(gpu: Gpu, part: Part, choice: Choice): void {
  const { layout, batch, M, N, K, rows, tensors, epilogue, ends } = part;
  const { a, b, out, c, activation } = tensors;
  const { step } = choice;
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
  const partials = SPLIT ? gpu.scratch(splits * batch * M * N) : undefined;
  const bindings: Bindings = {
    ...numbered("a", a),
    ...numbered("b", b),
    ...numbered("out", partials ? [partials] : out),
    c,
    activation,
  };
  const groups = [
    Math.ceil(N / choice.columns),
    Math.ceil(M / choice.rows),
    batch * splits,
  ] as const;
  const kernel = gpu.kernel(choice.source, values);
  gpu.run(kernel, bindings, uniforms, groups, batch * M * N * K / (values.SYMMETRIC ? 2 : 1));
  if (partials) addUp(gpu, part, partials, splits, { ...finished, OUT_PIECES: 1 });
}

/** Adds up the sums of a product's parts in each of its outputs, which lie below each other. */
function addUp(
  gpu: Gpu,
  { batch, M, N, alpha, beta, tensors }: Part,
  partials: Slice,
  parts: number,
  values: TemplateValues,
): void {
  const { out, c, activation } = tensors;
  const kernel = gpu.kernel(SUM_SOURCE, values);
  let first = 0;
  for (const out0 of out) {
    const count = out0.count / 4;
    const uniforms = { first, count, stride: batch * M * N / 4, parts, alpha, beta };
    const groups = Math.ceil(count / SUM_THREADS);
    gpu.run(kernel, { partials, out0, c, activation }, uniforms, groups);
    first += count;
  }
}

/** Values by a name and their number. */
function numbered<T>(name: string, values: readonly T[]): Record<string, T> {
  return Object.fromEntries(values.map((value, i) => [`${name}${i}`, value]));
}
