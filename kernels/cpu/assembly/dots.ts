/** Inner products and sums of four rows at once, as they lie in memory. */
import { fma, laneSum, load4, splat, store4 } from "./simd";

/** out[i] = Σ x · rows[i], for four rows that are `stride` bytes apart. */
export function fourDots(out: usize, x: usize, rows: usize, stride: usize, count: i32): void {
  const r1 = rows + stride, r2 = rows + 2 * stride, r3 = rows + 3 * stride;
  let s0 = splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  let at: usize = 0, left = count;
  for (; left >= 8; at += 32, left -= 8) {
    let v = v128.load(x + at);
    s0 = fma(v, v128.load(rows + at), s0);
    s1 = fma(v, v128.load(r1 + at), s1);
    s2 = fma(v, v128.load(r2 + at), s2);
    s3 = fma(v, v128.load(r3 + at), s3);
    v = v128.load(x + at, 16);
    t0 = fma(v, v128.load(rows + at, 16), t0);
    t1 = fma(v, v128.load(r1 + at, 16), t1);
    t2 = fma(v, v128.load(r2 + at, 16), t2);
    t3 = fma(v, v128.load(r3 + at, 16), t3);
  }
  for (; left > 0; at += 16, left -= 4) {
    const v = load4(x + at, left);
    s0 = fma(v, load4(rows + at, left), s0);
    s1 = fma(v, load4(r1 + at, left), s1);
    s2 = fma(v, load4(r2 + at, left), s2);
    s3 = fma(v, load4(r3 + at, left), s3);
  }
  storeSums(out, f32x4.add(s0, t0), f32x4.add(s1, t1), f32x4.add(s2, t2), f32x4.add(s3, t3));
}

/** As {@link fourDots} for two vectors, the second `xStride` bytes on; its sums are out[4 … 7]. */
export function eightDots(
  out: usize,
  x: usize,
  xStride: usize,
  rows: usize,
  stride: usize,
  count: i32,
): void {
  const y = x + xStride, r1 = rows + stride, r2 = rows + 2 * stride, r3 = rows + 3 * stride;
  let s0 = splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  const whole = <usize> (count & ~3) << 2;
  let v: v128, w: v128, row: v128;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    v = v128.load(x + at), w = v128.load(y + at);
    row = v128.load(rows + at);
    s0 = fma(v, row, s0), t0 = fma(w, row, t0);
    row = v128.load(r1 + at);
    s1 = fma(v, row, s1), t1 = fma(w, row, t1);
    row = v128.load(r2 + at);
    s2 = fma(v, row, s2), t2 = fma(w, row, t2);
    row = v128.load(r3 + at);
    s3 = fma(v, row, s3), t3 = fma(w, row, t3);
  }
  const left = count & 3;
  if (left > 0) {
    v = load4(x + at, left), w = load4(y + at, left);
    row = load4(rows + at, left);
    s0 = fma(v, row, s0), t0 = fma(w, row, t0);
    row = load4(r1 + at, left);
    s1 = fma(v, row, s1), t1 = fma(w, row, t1);
    row = load4(r2 + at, left);
    s2 = fma(v, row, s2), t2 = fma(w, row, t2);
    row = load4(r3 + at, left);
    s3 = fma(v, row, s3), t3 = fma(w, row, t3);
  }
  storeSums(out, s0, s1, s2, s3);
  storeSums(out + 16, t0, t1, t2, t3);
}

@inline
export function storeSums(out: usize, s0: v128, s1: v128, s2: v128, s3: v128): void {
  store<f32>(out, laneSum(s0));
  store<f32>(out, laneSum(s1), 4);
  store<f32>(out, laneSum(s2), 8);
  store<f32>(out, laneSum(s3), 12);
}

/** y += Σ weights[i] · rows[i], for four rows that are `stride` bytes apart. */
export function addFour(y: usize, weights: usize, rows: usize, stride: usize, count: i32): void {
  const r1 = rows + stride, r2 = rows + 2 * stride, r3 = rows + 3 * stride;
  const w0 = v128.load32_splat(weights), w1 = v128.load32_splat(weights, 4);
  const w2 = v128.load32_splat(weights, 8), w3 = v128.load32_splat(weights, 12);
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    let sum = fma(w0, load4(rows + at, left), load4(y + at, left));
    sum = fma(w1, load4(r1 + at, left), sum);
    sum = fma(w2, load4(r2 + at, left), sum);
    sum = fma(w3, load4(r3 + at, left), sum);
    store4(y + at, sum, left);
  }
}
