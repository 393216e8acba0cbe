/**
 * out = alpha · a·bᵀ + beta · c for few rows of a: each row of b is read once, as it lies. This is
 * what decoding does, and memory sets its speed.
 */
import { ARGUMENTS, parallelFrom } from "./pool";
import { fma, laneSum, splat } from "./simd";

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
  parallelFrom(PARALLEL_FROM, <i64> n * k, (n + BLOCK - 1) / BLOCK, matvecItem);
}

function matvecItem(item: i32): void {
  const end = min(args.n, (item + 1) * BLOCK);
  const stride = <usize> args.k << 2;
  for (let column = item * BLOCK; column < end; column += 4) {
    const b = args.b + <usize> column * stride;
    const count = min(4, end - column);
    for (let row = 0; row < args.m; row++) {
      const a = args.a + <usize> row * stride;
      if (count == 4) {
        fourProducts(a, b, stride, row, column);
      } else {
        for (let i = 0; i < count; i++) finish(dot(a, b + <usize> i * stride), row, column + i);
      }
    }
  }
}

/** A row of a with four rows of b. */
@inline
function fourProducts(a: usize, b: usize, stride: usize, row: i32, column: i32): void {
  const b1 = b + stride, b2 = b + 2 * stride, b3 = b + 3 * stride;
  let s0 = splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  const whole = stride & ~31;
  let at: usize = 0;
  for (; at < whole; at += 32) {
    let x = v128.load(a + at);
    s0 = fma(x, v128.load(b + at), s0);
    s1 = fma(x, v128.load(b1 + at), s1);
    s2 = fma(x, v128.load(b2 + at), s2);
    s3 = fma(x, v128.load(b3 + at), s3);
    x = v128.load(a + at, 16);
    t0 = fma(x, v128.load(b + at, 16), t0);
    t1 = fma(x, v128.load(b1 + at, 16), t1);
    t2 = fma(x, v128.load(b2 + at, 16), t2);
    t3 = fma(x, v128.load(b3 + at, 16), t3);
  }
  let y0 = laneSum(f32x4.add(s0, t0)), y1 = laneSum(f32x4.add(s1, t1));
  let y2 = laneSum(f32x4.add(s2, t2)), y3 = laneSum(f32x4.add(s3, t3));
  for (; at < stride; at += 4) {
    const x = load<f32>(a + at);
    y0 += x * load<f32>(b + at);
    y1 += x * load<f32>(b1 + at);
    y2 += x * load<f32>(b2 + at);
    y3 += x * load<f32>(b3 + at);
  }
  finish(y0, row, column);
  finish(y1, row, column + 1);
  finish(y2, row, column + 2);
  finish(y3, row, column + 3);
}

function dot(a: usize, b: usize): f32 {
  const stride = <usize> args.k << 2;
  let sum = splat(0);
  let at: usize = 0;
  for (; at < (stride & ~15); at += 16) sum = fma(v128.load(a + at), v128.load(b + at), sum);
  let y = laneSum(sum);
  for (; at < stride; at += 4) y += load<f32>(a + at) * load<f32>(b + at);
  return y;
}

@inline
function finish(product: f32, row: i32, column: i32): void {
  const at = (<usize> row * <usize> args.n + <usize> column) << 2;
  let y = args.alpha * product;
  if (args.beta != 0) y += args.beta * load<f32>(args.c + at);
  if (args.reluSquare) {
    y = max<f32>(y, 0);
    y *= y;
  }
  store<f32>(args.out + at, y);
}
