/** The inner products of `dots.ts`, with rows in bfloat16. */
import { storeSums } from "./dots";
import { fma, laneSum, load4, loadBfloat16, splat, widenHigh, widenLow } from "./simd";

/**
 * out[i] = Σ x · rows[i], for four rows that are `stride` bytes apart; out[4 + i] of the vector
 * `xStride` bytes on.
 */
export function eightDotsBfloat16(
  out: usize,
  x: usize,
  xStride: usize,
  rows: usize,
  stride: usize,
  count: i32,
): void {
  const y = x + xStride, r1 = rows + stride, r2 = rows + 2 * stride, r3 = rows + 3 * stride;
  let s0 = splat(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  let at: usize = 0, left = count;
  for (; left >= 8; at += 16, left -= 8) {
    const v = v128.load(x + (at << 1)), v4 = v128.load(x + (at << 1), 16);
    const w = v128.load(y + (at << 1)), w4 = v128.load(y + (at << 1), 16);
    let eight = v128.load(rows + at), four = widenLow(eight);
    s0 = fma(v, four, s0), t0 = fma(w, four, t0);
    four = widenHigh(eight);
    s0 = fma(v4, four, s0), t0 = fma(w4, four, t0);
    eight = v128.load(r1 + at), four = widenLow(eight);
    s1 = fma(v, four, s1), t1 = fma(w, four, t1);
    four = widenHigh(eight);
    s1 = fma(v4, four, s1), t1 = fma(w4, four, t1);
    eight = v128.load(r2 + at), four = widenLow(eight);
    s2 = fma(v, four, s2), t2 = fma(w, four, t2);
    four = widenHigh(eight);
    s2 = fma(v4, four, s2), t2 = fma(w4, four, t2);
    eight = v128.load(r3 + at), four = widenLow(eight);
    s3 = fma(v, four, s3), t3 = fma(w, four, t3);
    four = widenHigh(eight);
    s3 = fma(v4, four, s3), t3 = fma(w4, four, t3);
  }
  for (; left > 0; at += 8, left -= 4) {
    const v = load4(x + (at << 1), left), w = load4(y + (at << 1), left);
    let row = loadBfloat16(rows + at, left);
    s0 = fma(v, row, s0), t0 = fma(w, row, t0);
    row = loadBfloat16(r1 + at, left);
    s1 = fma(v, row, s1), t1 = fma(w, row, t1);
    row = loadBfloat16(r2 + at, left);
    s2 = fma(v, row, s2), t2 = fma(w, row, t2);
    row = loadBfloat16(r3 + at, left);
    s3 = fma(v, row, s3), t3 = fma(w, row, t3);
  }
  storeSums(out, s0, s1, s2, s3);
  storeSums(out + 16, t0, t1, t2, t3);
}

/** Σ x·y, with y in bfloat16. */
export function dotBfloat16(x: usize, y: usize, count: i32): f32 {
  let sum = splat(0);
  for (let at: usize = 0, left = count; left > 0; at += 8, left -= 4) {
    sum = fma(load4(x + (at << 1), left), loadBfloat16(y + at, left), sum);
  }
  return laneSum(sum);
}
