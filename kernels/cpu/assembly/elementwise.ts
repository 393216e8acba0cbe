/** Operations on tensors as flat runs of numbers, and sums over them. */
import { ARGUMENTS, parallelFrom } from "./pool";
import { dot, fma, load4, splat, store4, sumOf, tanh4 } from "./simd";

/** Elements of an item. */
const CHUNK: i32 = 16384;
const PARALLEL_FROM: i64 = 32768;

@unmanaged
class Arguments {
  out: usize;
  x: usize;
  y: usize;
  dy: usize;
  partials: usize;
  count: i32;
  a: f32;
  b: f32;
  sumX: bool;
  sumY: bool;
  overwriteDy: bool;
}

const args = changetype<Arguments>(ARGUMENTS);

@inline
function chunks(count: i32): i32 {
  return (count + CHUNK - 1) / CHUNK;
}

/** Elements of a chunk. */
@inline
function lengthOf(item: i32): i32 {
  return min(CHUNK, args.count - item * CHUNK);
}

function run(count: i32, item: (index: i32) => void): void {
  args.count = count;
  parallelFrom(PARALLEL_FROM, count, chunks(count), item);
}

/** out = 0. */
export function zero(out: usize, count: i32): void {
  args.out = out;
  run(count, zeroItem);
}

function zeroItem(item: i32): void {
  memory.fill(args.out + <usize> item * CHUNK * 4, 0, <usize> lengthOf(item) << 2);
}

/** out = x. */
export function copy(out: usize, x: usize, count: i32): void {
  args.out = out;
  args.x = x;
  run(count, copyItem);
}

function copyItem(item: i32): void {
  const offset = <usize> item * CHUNK * 4;
  memory.copy(args.out + offset, args.x + offset, <usize> lengthOf(item) << 2);
}

/** out = a·x + b·y. */
export function combine(out: usize, x: usize, y: usize, a: f32, b: f32, count: i32): void {
  args.out = out;
  args.x = x;
  args.y = y;
  args.a = a;
  args.b = b;
  run(count, combineItem);
}

function combineItem(item: i32): void {
  const offset = <usize> item * CHUNK * 4, count = lengthOf(item);
  const out = args.out + offset, x = args.x + offset, y = args.y + offset;
  const a = splat(args.a), b = splat(args.b);
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    store4(out + at, fma(a, load4(x + at, left), f32x4.mul(b, load4(y + at, left))), left);
  }
}

/**
 * dx = a·dout, dy += b·dout (= with `overwriteDy`); Σ dout·x is added, times `signA`, to da[0]
 * unless da is null, and the same for db. `partials` holds two float64 for each chunk.
 */
export function combineBackward(
  dx: usize,
  dy: usize,
  da: usize,
  db: usize,
  dout: usize,
  x: usize,
  y: usize,
  a: f32,
  b: f32,
  signA: f32,
  signB: f32,
  overwriteDy: bool,
  partials: usize,
  count: i32,
): void {
  sumProducts(da, dout, x, signA, partials, count);
  sumProducts(db, dout, y, signB, partials, count);
  args.out = dx;
  args.dy = dy;
  args.x = dout;
  args.a = a;
  args.b = b;
  args.overwriteDy = overwriteDy;
  run(count, combineBackwardItem);
}

function combineBackwardItem(item: i32): void {
  const offset = <usize> item * CHUNK * 4, count = lengthOf(item);
  const dx = args.out + offset, dy = args.dy + offset, dout = args.x + offset;
  const a = splat(args.a), b = splat(args.b);
  const overwrites = args.overwriteDy;
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    const d = load4(dout + at, left);
    const sum = overwrites ? f32x4.mul(b, d) : fma(b, d, load4(dy + at, left));
    store4(dy + at, sum, left);
    store4(dx + at, f32x4.mul(a, d), left);
  }
}

/** out[0] += scale · Σ x·y, or Σ x where y is null; nothing where out is null. */
export function sumProducts(
  out: usize,
  x: usize,
  y: usize,
  scale: f32,
  partials: usize,
  count: i32,
): void {
  if (out == 0) return;
  args.x = x;
  args.y = y;
  args.partials = partials;
  run(count, sumItem);
  let total: f64 = 0;
  for (let i = 0; i < chunks(count); i++) total += load<f64>(partials + (<usize> i << 3));
  store<f32>(out, <f32> (<f64> load<f32>(out) + <f64> scale * total));
}

function sumItem(item: i32): void {
  const offset = <usize> item * CHUNK * 4, count = lengthOf(item);
  const total = args.y == 0
    ? sumOf(args.x + offset, count)
    : dot(args.x + offset, args.y + offset, count);
  store<f64>(args.partials + (<usize> item << 3), total);
}

/** Sets flag[0] to 1 where an element of x is NaN or infinite. */
export function checkFinite(x: usize, flag: usize, count: i32): void {
  args.x = x;
  args.out = flag;
  args.count = count;
  // One thread looks through a megabyte sooner than another is woken and waited for.
  parallelFrom(1 << 18, count, chunks(count), finiteItem);
}

function finiteItem(item: i32): void {
  const x = args.x + <usize> item * CHUNK * 4, count = lengthOf(item);
  // Bits without the sign order magnitudes, with the infinities and NaN above all numbers.
  const magnitude = i32x4.splat(0x7fffffff);
  let l0 = i32x4.splat(0), l1 = l0, l2 = l0, l3 = l0;
  let i = 0;
  for (; i + 16 <= count; i += 16) {
    const at = x + (<usize> i << 2);
    l0 = i32x4.max_s(l0, v128.and(v128.load(at), magnitude));
    l1 = i32x4.max_s(l1, v128.and(v128.load(at, 16), magnitude));
    l2 = i32x4.max_s(l2, v128.and(v128.load(at, 32), magnitude));
    l3 = i32x4.max_s(l3, v128.and(v128.load(at, 48), magnitude));
  }
  for (; i < count; i += 4) {
    l0 = i32x4.max_s(l0, v128.and(load4(x + (<usize> i << 2), count - i), magnitude));
  }
  const largest = i32x4.max_s(i32x4.max_s(l0, l1), i32x4.max_s(l2, l3));
  // All threads that find one write the same.
  if (v128.any_true(notFinite(largest))) store<i32>(args.out, 1);
}

/** The lanes whose exponent has all bits, as NaN and the infinities have. */
@inline
function notFinite(x: v128): v128 {
  const exponent = i32x4.splat(0x7f800000);
  return i32x4.eq(v128.and(x, exponent), exponent);
}

/** In place: x = cap · tanh(x / cap), NaN where x is infinite. */
export function softcap(x: usize, cap: f32, count: i32): void {
  args.x = x;
  args.a = cap;
  run(count, softcapItem);
}

function softcapItem(item: i32): void {
  const x = args.x + <usize> item * CHUNK * 4, count = lengthOf(item);
  const cap = splat(args.a), inverse = splat(1 / args.a);
  for (let i = 0; i < count; i += 4) {
    const at = x + (<usize> i << 2), left = count - i;
    const value = load4(at, left);
    const capped = f32x4.mul(cap, tanh4(f32x4.mul(inverse, value)));
    store4(at, v128.or(capped, notFinite(value)), left);
  }
}

/** In place: x = max(0, x)², or x · 2·sqrt(activation) where an activation is given. */
export function epilogue(x: usize, activation: usize, count: i32): void {
  args.x = x;
  args.y = activation;
  run(count, epilogueItem);
}

function epilogueItem(item: i32): void {
  const offset = <usize> item * CHUNK * 4, count = lengthOf(item);
  const x = args.x + offset, activation = args.y + offset;
  const isGradient = args.y != 0;
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    let y = load4(x + at, left);
    if (isGradient) {
      const root = f32x4.sqrt(load4(activation + at, left));
      y = f32x4.mul(y, f32x4.add(root, root));
    } else {
      y = f32x4.pmax(y, splat(0));
      y = f32x4.mul(y, y);
    }
    store4(x + at, y, left);
  }
}
