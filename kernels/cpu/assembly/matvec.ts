/**
 * out = alpha · a·bᵀ + beta · c for few rows of a: each row of b is read once, as it lies. This is
 * what decoding does, and memory sets its speed.
 */
import { eightDots } from "./dots";
import { dotBfloat16, eightDotsBfloat16 } from "./dots_bfloat16";
import { ARGUMENTS, parallelFrom, workspace } from "./pool";
import { dot, fma, load4, splat, store4 } from "./simd";

/** Rows of b in an item. */
const BLOCK: i32 = 64;
const PARALLEL_FROM: i64 = 1 << 16;

@unmanaged
class Arguments {
  out: usize;
  a: usize;
  b: usize;
  c: usize;
  m: i32;
  n: i32;
  k: i32;
  alpha: f32;
  beta: f32;
  reluSquare: bool;
  /** Whether b is bfloat16. */
  bfloat16: bool;
}

const args = changetype<Arguments>(ARGUMENTS);

/** For a (m, k), b (n, k), c and out (m, n); with `reluSquare` the result is max(0, y)². */
export function matvec(
  out: usize,
  a: usize,
  b: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  alpha: f32,
  beta: f32,
  reluSquare: bool,
  bfloat16: bool,
): void {
  args.out = out;
  args.a = a;
  args.b = b;
  args.c = c;
  args.m = m;
  args.n = n;
  args.k = k;
  args.alpha = alpha;
  args.beta = beta;
  args.reluSquare = reluSquare;
  args.bfloat16 = bfloat16;
  parallelFrom(PARALLEL_FROM, <i64> m * n * k, (n + BLOCK - 1) / BLOCK, matvecItem);
}

function matvecItem(item: i32): void {
  const end = min(args.n, (item + 1) * BLOCK), k = args.k;
  const aStride = <usize> k << 2, stride = args.bfloat16 ? aStride >> 1 : aStride;
  const sums = workspace();
  for (let column = item * BLOCK; column < end; column += 4) {
    const b = args.b + <usize> column * stride, count = min(4, end - column);
    for (let row = 0; row < args.m; row += 2) {
      const a = args.a + <usize> row * aStride, isPair = row + 1 < args.m;
      if (count < 4) {
        for (let i: usize = 0; i < <usize> count; i++) {
          store<f32>(sums + (i << 2), dotOf(a, b + i * stride));
          if (isPair) store<f32>(sums + (i << 2), dotOf(a + aStride, b + i * stride), 16);
        }
      } else {
        // A row without another takes its own place too: its sums are then added in the same order.
        const next = isPair ? aStride : 0;
        if (args.bfloat16) eightDotsBfloat16(sums, a, next, b, stride, k);
        else eightDots(sums, a, next, b, stride, k);
      }
      finish(sums, row, column, count);
      if (isPair) finish(sums + 16, row + 1, column, count);
    }
  }
}

@inline
function dotOf(a: usize, b: usize): f32 {
  return args.bfloat16 ? dotBfloat16(a, b, args.k) : <f32> dot(a, b, args.k);
}

/** Stores a row's products with `count` rows of b. */
@inline
function finish(sums: usize, row: i32, column: i32, count: i32): void {
  const at = (<usize> row * <usize> args.n + <usize> column) << 2;
  let y = f32x4.mul(splat(args.alpha), v128.load(sums));
  if (args.beta != 0) y = fma(splat(args.beta), load4(args.c + at, count), y);
  if (args.reluSquare) {
    y = f32x4.pmax(y, splat(0));
    y = f32x4.mul(y, y);
  }
  store4(args.out + at, y, count);
}
