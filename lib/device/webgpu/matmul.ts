/**
 * Matrix products on WebGPU.
 *
 * @module
 */
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import common from "../../../kernels/webgpu/matmul.wgsl" with { type: "text" };
import fewRowsMain from "../../../kernels/webgpu/matmul_few_rows.wgsl" with { type: "text" };
import matrixMain from "../../../kernels/webgpu/matmul_matrix.wgsl" with { type: "text" };
import registerMain from "../../../kernels/webgpu/matmul_register.wgsl" with { type: "text" };
import sharedMain from "../../../kernels/webgpu/matmul_shared.wgsl" with { type: "text" };
import type { MatmulArgs, MatmulLayout, Operations } from "../operations.ts";
import { matmulSizes } from "../shapes.ts";
import { bytesOf, type Tensor } from "../tensor.ts";
import { type Gpu, sameMemory, type Slice } from "./gpu.ts";
import { columnsOf, matrixTileFor, rowsOf } from "./matmul_matrix.ts";
import { storage } from "./storage.ts";
import type { TemplateValues } from "./template.ts";

const FEW_ROWS_SOURCE = halves + common + fewRowsMain;
const MATRIX_SOURCE = halves + common + matrixMain;
const REGISTER_SOURCE = halves + common + registerMain;
const SHARED_SOURCE = halves + common + sharedMain;

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

/** See {@link Operations.matmul}; `tileFor` says which tile suits an output of so many elements. */
export function matmulOperations(
  gpu: Gpu,
  tileFor: (outputSize: number) => MatmulTile,
): Pick<Operations, "matmul"> {
  return {
    matmul(args) {
      for (const part of partsOf(gpu, args)) {
        runPart(gpu, tileFor(part.batch * part.M * part.N), part);
      }
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

function runPart(gpu: Gpu, chosen: MatmulTile, part: Part): void {
  const { layout, batch, M, N, K, rows, bindings, epilogue } = part;
  const fewRows = layout === "nt" && M <= FEW_ROWS;
  const aligned = [rows.a, rows.b, rows.out, N].every((length) => length % 4 === 0);
  const tile = aligned ? chosen : UNALIGNED_TILE;
  const { features, device: { limits } } = gpu;
  const matrixTile = aligned && !fewRows
    ? matrixTileFor(features, limits, part.operands, part)
    : undefined;
  // Of 16 bits each thread takes as many bytes of a row at a time.
  const FOURS = bytesOf(bindings.b.tensor.dtype) === 2 ? 2 : 1;
  const step = fewRows
    ? 32 * FOURS
    : matrixTile
    ? matrixTile.BK
    : tile.BK === "registers only"
    ? 4
    : tile.BK;
  const HALF = part.operands === "float16" && features.float16;
  const width = aligned ? 4 : 1;
  const values: TemplateValues = {
    ...storage("A", bindings.a.tensor, width),
    ...storage("B", bindings.b.tensor, width),
    ...storage("OUT", bindings.out.tensor, width),
    ...storage("ADDEND", bindings.c?.tensor, width),
    ...storage("ACTIVATION", bindings.activation?.tensor, width),
    HALF,
    // Four factors in workgroup memory.
    FOUR: HALF ? "vec4<f16>" : "vec4f",
    // See MatmulArgs.operands.
    A_GRADIENT: layout !== "nt",
    ALIGNED: aligned,
    MASKED: K % step !== 0,
    C: part.beta === 0 ? 0 : bindings.c ? 2 : 1,
    EPILOGUE: !epilogue ? 0 : epilogue.kind === "reluSquare" ? 1 : 2,
    // Whether K runs along the stored rows of a and of b.
    A_K_ROWS: layout === "tn",
    B_K_ROWS: layout !== "nt",
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
  };
  const work = batch * M * N * K;
  if (fewRows) {
    const R = 2 ** Math.ceil(Math.log2(M));
    const kernel = gpu.kernel(FEW_ROWS_SOURCE, { ...values, R, FOURS });
    gpu.run(kernel, bindings, uniforms, [Math.ceil(N / 8), 1, batch], work);
  } else if (matrixTile) {
    const groups = [
      Math.ceil(N / columnsOf(matrixTile)),
      Math.ceil(M / rowsOf(matrixTile)),
      batch,
    ] as const;
    const kernel = gpu.kernel(MATRIX_SOURCE, { ...values, ...matrixTile });
    gpu.run(kernel, bindings, uniforms, groups, work);
  } else {
    const source = tile.BK === "registers only" ? REGISTER_SOURCE : SHARED_SOURCE;
    const { RM, RN, TX, TY } = tile;
    const groups = [Math.ceil(N / (TX * RN)), Math.ceil(M / (TY * RM)), batch] as const;
    gpu.run(gpu.kernel(source, { ...values, ...tile }), bindings, uniforms, groups, work);
  }
}
