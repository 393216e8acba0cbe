/**
 * Which tokens of a row are kept. Tokens are ordered by their logits, and among equals the lower
 * index comes first; a token's place in that order is a number, the larger the earlier. What is kept
 * are always the first tokens, so that the least place among them says which.
 */
import { workspace } from "./pool";
import { exp4, load4, splat } from "./simd";

/** Logits that are looked at together. */
export const RUN: i32 = 32;

/** Sums of weights for {@link leastByMass}: each of the tokens that are about as likely. */
const BUCKETS: i32 = 2048;
const BUCKETS_IN_E: f32 = 16;

/** Bytes that a thread works in. */
export function sampleWorkspace(vocabSize: i32): usize {
  return <usize> (BUCKETS + vocabSize) << 3;
}

/** The place of a token in the order. */
@inline
export function placeOf(logit: f32, index: i32): u64 {
  // −0 is 0.
  const bits = reinterpret<i32>(logit + 0);
  const key = <u32> (bits ^ (bits >> 31 | i32.MIN_VALUE));
  return <u64> key << 32 | <u64> <u32> ~index;
}

/** The logit of the token at a place. */
@inline
export function logitAt(place: u64): f32 {
  const key = <i32> (place >> 32);
  return reinterpret<f32>(key < 0 ? key ^ i32.MIN_VALUE : ~key);
}

/** The index of the token at a place. */
@inline
export function indexAt(place: u64): i32 {
  return ~(<i32> place);
}

/** Four logits, or the `left` < 4 that are left and −∞. */
@inline
export function logits4(at: usize, left: i32): v128 {
  const logits = load4(at, left);
  if (left >= 4) return logits;
  const isThere = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(left));
  return v128.bitselect(logits, splat(-Infinity), isThere);
}

/** How far logits are below the highest, in units of the temperature. */
@inline
export function distance4(logits: v128, highest: f32, temperature: f32): v128 {
  return f32x4.div(f32x4.sub(splat(highest), logits), splat(temperature));
}

/** The probabilities of tokens at such distances, that of the likeliest being 1. */
@inline
export function weight4(distance: v128): v128 {
  // Where it is out of a float32's range, exp4 gives the least number and not 0.
  return v128.andnot(exp4(f32x4.neg(distance)), f32x4.gt(distance, splat(87)));
}

/** Whether one of {@link RUN} logits comes to a bound. */
@inline
export function reaches(at: usize, bound: f32): bool {
  const least = splat(bound);
  let most = v128.load(at);
  for (let offset: usize = 16; offset < <usize> RUN << 2; offset += 16) {
    most = f32x4.pmax(most, v128.load(at + offset));
  }
  return v128.any_true(f32x4.ge(most, least));
}

/** The least place of the first `topK` tokens, and of the first of those that have the share topP. */
export function leastByCount(
  logits: usize,
  count: i32,
  topK: i32,
  topP: f32,
  highest: f32,
  temperature: f32,
): u64 {
  const heap = workspace();
  for (let i = 0; i < topK; i++) {
    store<u64>(heap + (<usize> i << 3), placeOf(load<f32>(logits + (<usize> i << 2)), i));
  }
  makeHeap(heap, topK);
  let bound = logitAt(load<u64>(heap));
  for (let start = topK; start < count; start += RUN) {
    const isWhole = start + RUN <= count;
    if (isWhole && !reaches(logits + (<usize> start << 2), bound)) continue;
    const end = min(count, start + RUN);
    for (let i = start; i < end; i++) {
      const logit = load<f32>(logits + (<usize> i << 2));
      if (!(logit > bound)) continue;
      sink(heap, topK, 0, placeOf(logit, i));
      bound = logitAt(load<u64>(heap));
    }
  }
  if (topP >= 1) return load<u64>(heap);
  sortHeap(heap, topK);
  let mass: f64 = 0;
  for (let i = 0; i < topK; i++) {
    mass += weightAt(load<u64>(heap + (<usize> i << 3)), highest, temperature);
  }
  return leastReaching(<f64> topP * mass, 0, heap, topK, highest, temperature);
}

/** The least place of the first tokens that have the share topP of all weights. */
export function leastByMass(
  logits: usize,
  count: i32,
  topP: f32,
  highest: f32,
  temperature: f32,
): u64 {
  const sums = workspace(), heap = sums + (BUCKETS << 3);
  memory.fill(sums, 0, BUCKETS << 3);
  for (let at = logits, left = count; left > 0; at += 16, left -= 4) {
    const distance = distance4(logits4(at, left), highest, temperature);
    const buckets = buckets4(distance), weights = weight4(distance);
    addTo(sums, i32x4.extract_lane(buckets, 0), f32x4.extract_lane(weights, 0));
    addTo(sums, i32x4.extract_lane(buckets, 1), f32x4.extract_lane(weights, 1));
    addTo(sums, i32x4.extract_lane(buckets, 2), f32x4.extract_lane(weights, 2));
    addTo(sums, i32x4.extract_lane(buckets, 3), f32x4.extract_lane(weights, 3));
  }
  let mass: f64 = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) mass += sumIn(sums, bucket);
  // Added up in the same order, the sums come to all of it.
  const goal = <f64> topP * mass;
  let bucket = 0;
  let before: f64 = 0;
  while (before + sumIn(sums, bucket) < goal) {
    before += sumIn(sums, bucket);
    bucket++;
  }

  let size = 0;
  const wanted = i32x4.splat(bucket);
  for (let i = 0; i < count; i += 4) {
    const at = logits + (<usize> i << 2), left = count - i;
    const distance = distance4(logits4(at, left), highest, temperature);
    let found = i32x4.bitmask(i32x4.eq(buckets4(distance), wanted));
    if (left < 4) found &= (1 << left) - 1;
    for (; found != 0; found &= found - 1) {
      const lane = ctz(found);
      const place = placeOf(load<f32>(at + (<usize> lane << 2)), i + lane);
      store<u64>(heap + (<usize> size << 3), place);
      size++;
    }
  }
  makeHeap(heap, size);
  sortHeap(heap, size);
  return leastReaching(goal, before, heap, size, highest, temperature);
}

/** The buckets of tokens at such distances. */
@inline
function buckets4(distance: v128): v128 {
  const scaled = f32x4.mul(distance, splat(BUCKETS_IN_E));
  return i32x4.trunc_sat_f32x4_s(f32x4.pmin(scaled, splat(<f32> (BUCKETS - 1))));
}

@inline
function sumIn(sums: usize, bucket: i32): f64 {
  return load<f64>(sums + (<usize> bucket << 3));
}

@inline
function addTo(sums: usize, bucket: i32, weight: f32): void {
  const at = sums + (<usize> bucket << 3);
  store<f64>(at, load<f64>(at) + <f64> weight);
}

@inline
function weightAt(place: u64, highest: f32, temperature: f32): f64 {
  const distance = distance4(splat(logitAt(place)), highest, temperature);
  return <f64> f32x4.extract_lane(weight4(distance), 0);
}

/** The first of places in their order with which the mass before them comes to the goal, or the last. */
function leastReaching(
  goal: f64,
  before: f64,
  places: usize,
  count: i32,
  highest: f32,
  temperature: f32,
): u64 {
  let i = 0;
  for (; i < count - 1; i++) {
    before += weightAt(load<u64>(places + (<usize> i << 3)), highest, temperature);
    if (before >= goal) break;
  }
  return load<u64>(places + (<usize> i << 3));
}

/** Makes a heap of numbers, the least at its root. */
function makeHeap(heap: usize, count: i32): void {
  for (let i = count / 2 - 1; i >= 0; i--) sink(heap, count, i, load<u64>(heap + (<usize> i << 3)));
}

/** Sorts a heap, the largest number first. */
function sortHeap(heap: usize, count: i32): void {
  for (let last = count - 1; last > 0; last--) {
    const least = load<u64>(heap), at = heap + (<usize> last << 3);
    sink(heap, last, 0, load<u64>(at));
    store<u64>(at, least);
  }
}

/** Puts a number in the stead of the one at `i`, below which all is a heap. */
function sink(heap: usize, count: i32, i: i32, value: u64): void {
  while (true) {
    let child = 2 * i + 1;
    if (child >= count) break;
    let least = load<u64>(heap + (<usize> child << 3));
    if (child + 1 < count) {
      const right = load<u64>(heap + (<usize> child << 3), 8);
      if (right < least) {
        least = right;
        child++;
      }
    }
    if (value <= least) break;
    store<u64>(heap + (<usize> i << 3), least);
    i = child;
  }
  store<u64>(heap + (<usize> i << 3), value);
}
