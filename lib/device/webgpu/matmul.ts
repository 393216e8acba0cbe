/**
 * Matrix products on WebGPU.
 *
 * @module
 */
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import common from "../../../kernels/webgpu/matmul.wgsl" with { type: "text" };
import factors from "../../../kernels/webgpu/matmul_factors.wgsl" with { type: "text" };
import fewRowsMain from "../../../kernels/webgpu/matmul_few_rows.wgsl" with { type: "text" };
import matrixMain from "../../../kernels/webgpu/matmul_matrix.wgsl" with { type: "text" };
import registerMain from "../../../kernels/webgpu/matmul_register.wgsl" with { type: "text" };
import sharedMain from "../../../kernels/webgpu/matmul_shared.wgsl" with { type: "text" };
import sumMain from "../../../kernels/webgpu/matmul_sum.wgsl" with { type: "text" };
import type { MatmulArgs, MatmulLayout, Operations } from "../operations.ts";
import { matmulSizes } from "../shapes.ts";
import { bytesOf, type Tensor } from "../tensor.ts";
import { type Gpu, sameMemory, type Slice } from "./gpu.ts";
import { columnsOf, matrixTileFor, rowsOf } from "./matmul_matrix.ts";
import { storage } from "./storage.ts";
import type { TemplateValues } from "./template.ts";

const FEW_ROWS_SOURCE = halves + common + factors + fewRowsMain;
const MATRIX_SOURCE = halves + common + factors + matrixMain;
const REGISTER_SOURCE = halves + common + factors + registerMain;
const SHARED_SOURCE = halves + common + factors + sharedMain;
const SUM_SOURCE = halves + common + sumMain;

/** As many rows as the kernel for few rows takes. */
const FEW_ROWS = 8;

/** How a product is dealt to threads. */
export interface MatmulTile {
  /** Whether tiles of `a` and `b` go through workgroup memory, BK steps of K at a time. */
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

/** A part of K that a workgroup is given has at least so many steps. */
const LEAST_PART = 512;
/** K is dealt to at most so many. */
const MOST_PARTS = 64;
/** Sums that are kept apart have at most so many elements: 64 MiB. */
const PARTIALS = 2 ** 24;

/** No tile has more rows. */
const MOST_TILE_ROWS = 128;

/** For rows that are not whole vec4s, which no model has: what compiles quickly. */
const UNALIGNED_TILE: MatmulTile = { BK: "registers only", RM: 4, RN: 4, TX: 8, TY: 8 };

/** One dispatch: a part of a product whose tensors can all be bound. */
interface Part {
  layout: MatmulLayout;
  batch: number;
  M: number;
  N: number;
  K: number;
  /** Row lengths of the stored tensors. */
  rows: { a: number; b: number; out: number };
  aColumn: number;
  outColumn: number;
  alpha: number;
  beta: number;
  epilogue: MatmulArgs["epilogue"];
  operands: MatmulArgs["operands"];
  bindings: { out: Slice; a: Slice; b: Slice; c?: Slice; activation?: Slice };
}

/** How an adapter's products are dealt to workgroups. */
export interface MatmulPlan {
  /** The tile that suits an output of so many elements. */
  tileFor(outputSize: number): MatmulTile;
  /**
   * Workgroups that keep the adapter busy: a product of fewer is dealt to more along K, where that is
   * long. 0 where it gains nothing from it.
   */
  enoughGroups: number;
}

/** See {@link Operations.matmul}. */
export function matmulOperations(gpu: Gpu, plan: MatmulPlan): Pick<Operations, "matmul"> {
  return {
    matmul(args) {
      for (const part of partsOf(gpu, args)) runPart(gpu, plan, part);
    },
  };
}

/**
 * Cuts a product so that every tensor can be bound: batches by matrices, a single product by rows
 * of what is too large. Cuts along K add their products up in `out`, one after the other. A single
 * product that would keep the GPU too long is cut by rows as well.
 */
function* partsOf(gpu: Gpu, args: MatmulArgs): Generator<Part> {
  const { out, a, b, layout, alpha = 1, beta = 0, epilogue, operands } = args;
  const { batch, M, N, K } = matmulSizes(args);
  const c = args.c ?? out;
  const like = {
    c: beta === 0 || sameMemory(c, out) ? undefined : c,
    activation: epilogue?.kind === "reluSquareGradient" ? epilogue.activation : undefined,
  };
  const rows = { a: layout === "tn" ? M : K, b: layout === "nt" ? K : N, out: N };

  if (batch > 1) {
    for (const { count, slices } of gpu.split(batch, { out, a, b, ...like })) {
      const sizes = { layout, batch: count, M, N, K, rows, aColumn: 0, outColumn: 0 };
      yield { ...sizes, alpha, beta, epilogue, operands, bindings: slices };
    }
    return;
  }

  const tn = layout === "tn", nt = layout === "nt";
  const mWanted = Math.max(MOST_TILE_ROWS, gpu.maxWork / (N * K));
  const mStep = gpu.rowsThatFit(M, tn ? [[out, N]] : [[out, N], [a, rows.a]], 4, mWanted);
  const nStep = nt ? gpu.rowsThatFit(N, [[b, rows.b]], 4) : N;
  const kStep = nt ? K : gpu.rowsThatFit(K, tn ? [[a, rows.a], [b, rows.b]] : [[b, rows.b]], 4);
  const rowSlice = (tensor: Tensor, length: number, first: number, count: number): Slice => ({
    tensor,
    start: first * length,
    count: count * length,
  });
  for (let m = 0; m < M; m += mStep) {
    const mCount = Math.min(mStep, M - m);
    const outSlice = (tensor: Tensor) => rowSlice(tensor, rows.out, m, mCount);
    for (let n = 0; n < N; n += nStep) {
      const nCount = Math.min(nStep, N - n);
      for (let k = 0; k < K; k += kStep) {
        const kCount = Math.min(kStep, K - k);
        const first = k === 0, last = k + kCount === K;
        const bindings: Part["bindings"] = {
          out: outSlice(out),
          a: tn ? rowSlice(a, rows.a, k, kCount) : rowSlice(a, rows.a, m, mCount),
          b: nt ? rowSlice(b, rows.b, n, nCount) : rowSlice(b, rows.b, k, kCount),
        };
        if (like.c && first) bindings.c = outSlice(like.c);
        if (like.activation && last) bindings.activation = outSlice(like.activation);
        yield {
          layout,
          batch: 1,
          M: mCount,
          N: nCount,
          K: kCount,
          rows,
          aColumn: tn ? m : k,
          outColumn: n,
          alpha,
          beta: first ? beta : 1,
          epilogue: last ? epilogue : undefined,
          operands,
          bindings,
        };
      }
    }
  }
}

/** A kernel for a part, and the workgroups of one matrix. */
interface Dealt {
  source: string;
  values: TemplateValues;
  /** Workgroups along columns and rows. */
  groups: readonly [number, number];
  /** Steps of K that the kernel takes at a time. */
  step: number;
  /** Whether it can be given a part of K. */
  divides: boolean;
}

function dealt(gpu: Gpu, { tileFor, enoughGroups }: MatmulPlan, part: Part): Dealt {
  const { layout, batch, M, N, bindings, operands } = part;
  const aligned = isAligned(part);
  if (layout === "nt" && M <= FEW_ROWS) {
    // Of 16 bits each thread takes as many bytes of a row at a time.
    const FOURS = bytesOf(bindings.b.tensor.dtype) === 2 ? 2 : 1;
    const values = { R: 2 ** Math.ceil(Math.log2(M)), FOURS };
    const groups = [Math.ceil(N / 8), 1] as const;
    return { source: FEW_ROWS_SOURCE, values, groups, step: 32 * FOURS, divides: false };
  }
  const { features, device: { limits } } = gpu;
  const matrixTile = aligned ? matrixTileFor(features, limits, operands, part) : undefined;
  if (matrixTile) {
    const groups = [
      Math.ceil(N / columnsOf(matrixTile)),
      Math.ceil(M / rowsOf(matrixTile)),
    ] as const;
    return {
      source: MATRIX_SOURCE,
      values: matrixTile,
      groups,
      step: matrixTile.BK,
      divides: true,
    };
  }
  // What is dealt along K may take the tile of a larger output.
  const shares = enoughGroups > 0 ? mostParts(part) : 1;
  const tile = aligned ? tileFor(batch * M * N * shares) : UNALIGNED_TILE;
  const { BK, RM, RN, TX, TY } = tile;
  const [source, step] = BK === "registers only" ? [REGISTER_SOURCE, 4] : [SHARED_SOURCE, BK];
  const groups = [Math.ceil(N / (TX * RN)), Math.ceil(M / (TY * RM))] as const;
  return { source, values: { ...tile }, groups, step, divides: aligned };
}

/** Whether rows of all tensors are whole vec4s. */
function isAligned({ rows, N }: Part): boolean {
  return [rows.a, rows.b, rows.out, N].every((length) => length % 4 === 0);
}

/** In how many parts K may be dealt to workgroups at most. */
function mostParts({ batch, M, N, K }: Part): number {
  const most = Math.min(Math.floor(K / LEAST_PART), Math.floor(PARTIALS / (batch * M * N)));
  return Math.max(1, Math.min(MOST_PARTS, most));
}

function runPart(gpu: Gpu, plan: MatmulPlan, part: Part): void {
  const { layout, batch, M, N, K, rows, bindings, epilogue } = part;
  const { source, values: own, groups: [x, y], step, divides } = dealt(gpu, plan, part);
  const parts = divides
    ? Math.min(mostParts(part), Math.ceil(plan.enoughGroups / (x * y * batch)) || 1)
    : 1;
  const HALF = part.operands === "float16" && gpu.features.float16;
  const width = isAligned(part) ? 4 : 1;
  const inputs = {
    ...storage("A", bindings.a.tensor, width),
    ...storage("B", bindings.b.tensor, width),
    HALF,
    // Four factors in workgroup memory.
    FOUR: HALF ? "vec4<f16>" : "vec4f",
    // See MatmulArgs.operands.
    A_GRADIENT: layout !== "nt",
    MASKED: K % step !== 0,
    // Whether K runs along the stored rows of a and of b.
    A_K_ROWS: layout === "tn",
    B_K_ROWS: layout !== "nt",
    SPLIT: parts > 1,
  };
  const output = {
    ...storage("OUT", bindings.out.tensor, width),
    ...storage("ADDEND", bindings.c?.tensor, width),
    ...storage("ACTIVATION", bindings.activation?.tensor, width),
    ALIGNED: width === 4,
    C: part.beta === 0 ? 0 : bindings.c ? 2 : 1,
    EPILOGUE: !epilogue ? 0 : epilogue.kind === "reluSquare" ? 1 : 2,
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
    alpha: part.alpha,
    beta: part.beta,
    parts,
    partK: Math.ceil(K / parts / step) * step,
  };
  const work = batch * M * N * K;
  if (parts === 1) {
    const kernel = gpu.kernel(source, { ...inputs, ...own, ...output });
    gpu.run(kernel, bindings, uniforms, [x, y, batch], work);
    return;
  }
  const partials = gpu.scratch(batch * parts * M * N);
  const plain = { ...output, ...storage("OUT", undefined, width), C: 0, EPILOGUE: 0 };
  const apart = { ...uniforms, outRow: N, outColumn: 0, alpha: 1, beta: 0 };
  const products = { a: bindings.a, b: bindings.b, out: partials };
  gpu.run(gpu.kernel(source, { ...inputs, ...own, ...plain }), products, apart, [
    x,
    y,
    batch * parts,
  ], work);
  const sums = { ...bindings, partials };
  const sumGroups = [Math.ceil(M * N / 4 / 64), 1, batch] as const;
  gpu.run(gpu.kernel(SUM_SOURCE, output), sums, uniforms, sumGroups);
}
