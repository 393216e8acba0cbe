/** Four-lane helpers: fused multiply-add, exponential, hyperbolic tangent, sums over lanes. */

/** a·b + c. */
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c − a·b. */
@inline
export function fnma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_nmadd(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** The same number in all lanes. */
@inline
export function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** Sum of the lanes, in the order (0+2)+(1+3). */
@inline
export function laneSum(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** Largest of the lanes. */
@inline
export function laneMax(v: v128): f32 {
  const pairs = f32x4.pmax(v, v128.shuffle<f32>(v, v, 2, 3, 0, 1));
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/** Largest of the first `count` lanes. */
@inline
export function firstMax(v: v128, count: i32): f32 {
  let largest = f32x4.extract_lane(v, 0);
  if (count > 1) largest = max(largest, f32x4.extract_lane(v, 1));
  if (count > 2) largest = max(largest, f32x4.extract_lane(v, 2));
  return largest;
}

/**
 * Constants of {@link exp4} and {@link tanh4}, each in four lanes: loading one costs an
 * instruction, building it in a register four, at every use.
 */
const CONSTANTS = memory.data<f32>(
  [
    12582912, 12582912, 12582912, 12582912,
    -87.33, -87.33, -87.33, -87.33,
    88.37, 88.37, 88.37, 88.37,
    1.44269504088896341, 1.44269504088896341, 1.44269504088896341, 1.44269504088896341,
    0.693359375, 0.693359375, 0.693359375, 0.693359375,
    -2.12194440e-4, -2.12194440e-4, -2.12194440e-4, -2.12194440e-4,
    1.9875691500e-4, 1.9875691500e-4, 1.9875691500e-4, 1.9875691500e-4,
    1.3981999507e-3, 1.3981999507e-3, 1.3981999507e-3, 1.3981999507e-3,
    8.3334519073e-3, 8.3334519073e-3, 8.3334519073e-3, 8.3334519073e-3,
    4.1665795894e-2, 4.1665795894e-2, 4.1665795894e-2, 4.1665795894e-2,
    1.6666665459e-1, 1.6666665459e-1, 1.6666665459e-1, 1.6666665459e-1,
    5.0000001201e-1, 5.0000001201e-1, 5.0000001201e-1, 5.0000001201e-1,
    1, 1, 1, 1,
    2, 2, 2, 2,
    -5.70498872745e-3, -5.70498872745e-3, -5.70498872745e-3, -5.70498872745e-3,
    2.06390887954e-2, 2.06390887954e-2, 2.06390887954e-2, 2.06390887954e-2,
    -5.37397155531e-2, -5.37397155531e-2, -5.37397155531e-2, -5.37397155531e-2,
    1.33314422036e-1, 1.33314422036e-1, 1.33314422036e-1, 1.33314422036e-1,
    -3.33332819422e-1, -3.33332819422e-1, -3.33332819422e-1, -3.33332819422e-1,
    0.625, 0.625, 0.625, 0.625,
    -0.0, -0.0, -0.0, -0.0,
  ],
  16,
);

@inline
function constant(index: i32): v128 {
  return v128.load(CONSTANTS + (<usize> index << 4));
}

/**
 * exp(x) to about 1e-7 relative, by x = n·ln 2 + r and a polynomial in r (the one of the Cephes
 * library). Below −87.3 it is 1.2e-38.
 */
@inline
export function exp4(x: v128): v128 {
  const shifter = constant(0); // 1.5 · 2²³: adding it rounds to an integer in the low bits
  x = f32x4.pmin(f32x4.pmax(x, constant(1)), constant(2));
  const shifted = fma(x, constant(3), shifter);
  const n = f32x4.sub(shifted, shifter);
  let r = fnma(n, constant(4), x);
  r = fnma(n, constant(5), r);
  let p = constant(6);
  p = fma(p, r, constant(7));
  p = fma(p, r, constant(8));
  p = fma(p, r, constant(9));
  p = fma(p, r, constant(10));
  p = fma(p, r, constant(11));
  const one = constant(12);
  p = f32x4.add(fma(p, f32x4.mul(r, r), r), one);
  return f32x4.mul(p, i32x4.add(i32x4.shl(shifted, 23), one));
}

/** exp(x) of one number, by the same steps as {@link exp4}. */
@inline
function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(splat(x)), 0);
}

/** tanh(x) to about 1e-7 relative: a polynomial near 0, else 1 − 2/(exp(2x) + 1). */
@inline
export function tanh4(x: v128): v128 {
  const square = f32x4.mul(x, x);
  let near = constant(14);
  near = fma(near, square, constant(15));
  near = fma(near, square, constant(16));
  near = fma(near, square, constant(17));
  near = fma(near, square, constant(18));
  near = fma(f32x4.mul(near, square), x, x);
  const e = exp4(f32x4.add(x, x)), one = constant(12);
  const far = f32x4.sub(one, f32x4.div(constant(13), f32x4.add(e, one)));
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), constant(19)));
}

/**
 * 1 − |tanh(x)| with the sign of x, to about 1e-7 relative: where tanh is near ±1 this still tells
 * how near.
 */
@inline
export function tanhComplement4(x: v128): v128 {
  const magnitude = f32x4.abs(x);
  const e = exp4(f32x4.add(magnitude, magnitude));
  const complement = f32x4.div(constant(13), f32x4.add(e, constant(12)));
  return v128.or(complement, v128.and(x, constant(20)));
}

/** tanh(x) from {@link tanhComplement4} of x. */
@inline
export function tanhFromComplement4(complement: v128): v128 {
  const tanh = f32x4.sub(constant(12), f32x4.abs(complement));
  return v128.or(tanh, v128.and(complement, constant(20)));
}

/** 1 / (1 + exp(−x)) of one number. */
@inline
export function sigmoid1(x: f32): f32 {
  return 1 / (1 + exp1(-x));
}

/** Natural logarithm of a positive number, in float64: 2·atanh((m−1)/(m+1)) + e·ln 2. */
export function log1(x: f32): f32 {
  const bits = reinterpret<u64>(<f64> x);
  let exponent = <i32> (bits >> 52) - 1023;
  let mantissa = reinterpret<f64>(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let series: f64 = 1.0 / 13;
  for (let odd = 11; odd > 0; odd -= 2) series = series * square + 1 / <f64> odd;
  return <f32> (2 * s * series + <f64> exponent * 0.6931471805599453);
}

// The next two are written without calls: one in a loop, even if it is never made, would have every
// number that the loop keeps in a register stored and loaded again.

/** Four numbers, or the `left` < 4 that are left and zeros. */
@inline
export function load4(at: usize, left: i32): v128 {
  if (left >= 4) return v128.load(at);
  if (left == 1) return v128.load32_zero(at);
  const two = v128.load64_zero(at);
  return left == 2 ? two : v128.load_lane<f32>(at, two, 2, 8);
}

/** Stores the first `left` of four numbers, or all. */
@inline
export function store4(at: usize, v: v128, left: i32): void {
  if (left >= 4) {
    v128.store(at, v);
  } else {
    v128.store_lane<f32>(at, v, 0);
    if (left > 1) v128.store_lane<f32>(at, v, 1, 4);
    if (left > 2) v128.store_lane<f32>(at, v, 2, 8);
  }
}

/** Σ x·y in float64 over runs of float32 sums. */
export function dot(x: usize, y: usize, count: i32): f64 {
  let total: f64 = 0;
  while (count > 0) {
    const run = min(count, 1024);
    let s0 = splat(0), s1 = s0, s2 = s0, s3 = s0;
    let i = 0;
    for (; i + 16 <= run; i += 16) {
      s0 = fma(v128.load(x), v128.load(y), s0);
      s1 = fma(v128.load(x, 16), v128.load(y, 16), s1);
      s2 = fma(v128.load(x, 32), v128.load(y, 32), s2);
      s3 = fma(v128.load(x, 48), v128.load(y, 48), s3);
      x += 64, y += 64;
    }
    for (; i < run; i += 4) {
      s0 = fma(load4(x, run - i), load4(y, run - i), s0);
      x += 16, y += 16;
    }
    total += <f64> laneSum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
    count -= run;
  }
  return total;
}

/** Σ x in float64 over runs of float32 sums. */
export function sumOf(x: usize, count: i32): f64 {
  let total: f64 = 0;
  while (count > 0) {
    const run = min(count, 1024);
    let s0 = splat(0), s1 = s0;
    let i = 0;
    for (; i + 8 <= run; i += 8) {
      s0 = f32x4.add(s0, v128.load(x));
      s1 = f32x4.add(s1, v128.load(x, 16));
      x += 32;
    }
    for (; i < run; i += 4) {
      s0 = f32x4.add(s0, load4(x, run - i));
      x += 16;
    }
    total += <f64> laneSum(f32x4.add(s0, s1));
    count -= run;
  }
  return total;
}

/** y += a·x, and y = a·x with `overwrite`. T is f32, or u16 for an x in bfloat16. */
@inline
export function addScaled<T = f32>(
  y: usize,
  a: f32,
  x: usize,
  count: i32,
  overwrite: bool = false,
): void {
  const factor = splat(a);
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    const scaled = sizeof<T>() == 2 ? loadBfloat16(x + (at >> 1), left) : load4(x + at, left);
    const sum = overwrite
      ? f32x4.mul(factor, scaled)
      : fma(factor, scaled, load4(y + at, left));
    store4(y + at, sum, left);
  }
}

/** The first four of eight bfloat16 numbers, as float32: their bits are the upper halves. */
@inline
export function widenLow(eight: v128): v128 {
  return v128.shuffle<u16>(i32x4.splat(0), eight, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** The last four of eight bfloat16 numbers, as float32. */
@inline
export function widenHigh(eight: v128): v128 {
  return v128.shuffle<u16>(i32x4.splat(0), eight, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** Four bfloat16 numbers as float32, or the `left` < 4 that are left and zeros. */
@inline
export function loadBfloat16(at: usize, left: i32): v128 {
  if (left >= 4) return widenLow(v128.load64_zero(at));
  let few = i32x4.splat(0);
  if (left == 1) few = v128.load_lane<u16>(at, few, 0);
  else few = v128.load32_zero(at);
  return widenLow(left == 3 ? v128.load_lane<u16>(at, few, 2, 4) : few);
}
