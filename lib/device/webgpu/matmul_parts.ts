/**
 * Cutting products into what can be bound at once, and putting several together.
 *
 * @module
 */
import type { MatmulArgs, MatmulLayout } from "../operations.ts";
import { type MatmulSizes, matmulSizes } from "../shapes.ts";
import { bytesOf, type Tensor } from "../tensor.ts";
import { type Gpu, sameMemory, type Slice } from "./gpu.ts";
import { MOST_TILE_ROWS } from "./matmul_tile.ts";

/** One dispatch: a product, or a part of one, whose tensors can all be bound. */
export interface Part extends MatmulSizes {
  layout: MatmulLayout;
  /** Row lengths of the stored tensors. */
  rows: { a: number; b: number; out: number };
  aColumn: number;
  outColumn: number;
  alpha: number;
  beta: number;
  symmetric: boolean;
  epilogue: MatmulArgs["epilogue"];
  operands: MatmulArgs["operands"];
  /**
   * Where each of the products that are taken as one ends, along N in layout nt, K in nn, M in tn.
   */
  ends: readonly number[];
  /** Two of a, b and out are as many tensors as there are ends; see matmul.wgsl. */
  tensors: { out: Slice[]; a: Slice[]; b: Slice[]; c?: Slice; activation?: Slice };
}

/** As many products as the kernels take as one. */
const MOST_PIECES = 3;

/**
 * Cuts a product so that every tensor can be bound: batches by matrices, a single product by rows
 * of what is too large. Cuts along K add their products up in `out`, one after the other. A single
 * product that would keep the GPU too long is cut by rows as well.
 */
export function* partsOf(gpu: Gpu, args: MatmulArgs): Generator<Part> {
  const { out, a, b, layout, alpha = 1, beta = 0, symmetric = false, epilogue, operands } = args;
  const { batch, M, N, K } = matmulSizes(args);
  const c = args.c ?? out;
  const like = {
    c: beta === 0 || sameMemory(c, out) ? undefined : c,
    activation: epilogue?.kind === "reluSquareGradient" ? epilogue.activation : undefined,
  };
  const rows = rowLengths(layout, { M, N, K });
  const common = { layout, rows, alpha, operands, ends: [] };

  if (batch > 1) {
    for (const { count, slices } of gpu.split(batch, { out, a, b, ...like })) {
      const sizes = { batch: count, M, N, K, aColumn: 0, outColumn: 0 };
      const tensors = { ...slices, out: [slices.out], a: [slices.a], b: [slices.b] };
      yield { ...common, ...sizes, beta, symmetric, epilogue, tensors };
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
  const isWhole = mStep >= M && nStep >= N && kStep >= K;
  for (let m = 0; m < M; m += mStep) {
    const mCount = Math.min(mStep, M - m);
    const outSlice = (tensor: Tensor) => rowSlice(tensor, rows.out, m, mCount);
    for (let n = 0; n < N; n += nStep) {
      const nCount = Math.min(nStep, N - n);
      for (let k = 0; k < K; k += kStep) {
        const kCount = Math.min(kStep, K - k);
        const first = k === 0, last = k + kCount === K;
        const tensors: Part["tensors"] = {
          out: [outSlice(out)],
          a: [tn ? rowSlice(a, rows.a, k, kCount) : rowSlice(a, rows.a, m, mCount)],
          b: [nt ? rowSlice(b, rows.b, n, nCount) : rowSlice(b, rows.b, k, kCount)],
        };
        if (like.c && first) tensors.c = outSlice(like.c);
        if (like.activation && last) tensors.activation = outSlice(like.activation);
        yield {
          ...common,
          batch: 1,
          M: mCount,
          N: nCount,
          K: kCount,
          aColumn: tn ? m : k,
          outColumn: n,
          beta: first ? beta : 1,
          symmetric: symmetric && isWhole,
          epilogue: last ? epilogue : undefined,
          tensors,
        };
      }
    }
  }
}

/**
 * Products as one: those of one `a` in layout nt, of one `b` in tn, and those that add up in one `out`
 * in nn. Undefined where they differ in more than that, or are too large to be bound whole.
 */
export function asOne(gpu: Gpu, products: readonly MatmulArgs[]): Part | undefined {
  const [{ layout, operands, alpha = 1, beta = 0 }] = products;
  const along = layout === "nt" ? "N" : layout === "nn" ? "K" : "M";
  const shared = layout === "nt" ? "a" : layout === "nn" ? "out" : "b";
  const all = products.map((args) => ({ ...args, sizes: matmulSizes(args) }));
  const [first] = all;
  const isLike = (args: typeof first, i: number) =>
    args.layout === layout && args.operands === operands && (args.alpha ?? 1) === alpha &&
    (args.beta ?? 0) === (layout === "nn" && i > 0 ? 1 : beta) &&
    !args.epilogue && (!args.c || sameMemory(args.c, args.out)) &&
    args.sizes.batch === 1 && sameMemory(args[shared], first[shared]) &&
    (["M", "N", "K"] as const).every((side) =>
      side === along || args.sizes[side] === first.sizes[side]
    ) &&
    (["a", "b", "out"] as const).every((name) => args[name].dtype === first[name].dtype);
  const isBindable = ({ size, dtype }: Tensor) => size * bytesOf(dtype) <= gpu.maxBindingBytes;
  if (
    products.length > MOST_PIECES || !all.every(isLike) ||
    !all.every(({ a, b, out }) => [a, b, out].every(isBindable))
  ) return undefined;

  let end = 0;
  const ends = all.map(({ sizes }) => end += sizes[along]);
  const sizes = { ...first.sizes, [along]: end };
  if (sizes.M * sizes.N * sizes.K > gpu.maxWork) return undefined;
  const slices = (name: "a" | "b" | "out"): Slice[] =>
    (name === shared ? [first] : all).map((args) => {
      return { tensor: args[name], start: 0, count: args[name].size };
    });
  const tensors = { out: slices("out"), a: slices("a"), b: slices("b") };
  const rest = { aColumn: 0, outColumn: 0, symmetric: false, epilogue: undefined };
  const rows = rowLengths(layout, sizes);
  return { ...sizes, ...rest, layout, operands, alpha, beta, rows, ends, tensors };
}

/** Numbers in a row of the stored tensors. */
function rowLengths(layout: MatmulLayout, { M, N, K }: Omit<MatmulSizes, "batch">) {
  return { a: layout === "tn" ? M : K, b: layout === "nt" ? K : N, out: N };
}
