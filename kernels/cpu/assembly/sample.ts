/** Drawing tokens from logits, each row as its own choices say. A row is an item. */
import { ARGUMENTS, parallelFrom, workspace } from "./pool";
import {
  distance4,
  indexAt,
  leastByCount,
  leastByMass,
  logitAt,
  logits4,
  placeOf,
  reaches,
  RUN,
  weight4,
} from "./sample_kept";
import { laneMax, splat, store4 } from "./simd";

const PARALLEL_FROM: i64 = 65536;

/** What a row gets that is no distribution; the host knows the number. */
const NOT_NUMBERS: i32 = -1;

@unmanaged
class Arguments {
  out: usize;
  logits: usize;
  uniforms: usize;
  choices: usize;
  /** Real columns, and columns with the padding. */
  vocabSize: i32;
  columns: i32;
}

const args = changetype<Arguments>(ARGUMENTS);

/** For `rows` rows; a thread's workspace is one of `sampleWorkspace`. */
export function sample(
  out: usize,
  logits: usize,
  uniforms: usize,
  choices: usize,
  rows: i32,
  columns: i32,
  vocabSize: i32,
): void {
  args.out = out;
  args.logits = logits;
  args.uniforms = uniforms;
  args.choices = choices;
  args.columns = columns;
  args.vocabSize = vocabSize;
  parallelFrom(PARALLEL_FROM, <i64> rows * columns, rows, rowItem);
}

function rowItem(row: i32): void {
  const at = <usize> row << 2;
  const logits = args.logits + at * <usize> args.columns;
  store<i32>(args.out + at, tokenOf(logits, load<f32>(args.uniforms + at), args.choices + (at << 2)));
}

/** The token of one row, whose choices are temperature, topK, topP and minP. */
function tokenOf(logits: usize, uniform: f32, choices: usize): i32 {
  const count = args.vocabSize;
  const temperature = load<f32>(choices), topP = load<f32>(choices, 8);
  const highest = largest(logits, count);
  if (!(highest > -Infinity)) return NOT_NUMBERS;
  // All are kept where there are no more.
  const topK = load<f32>(choices, 4) < <f32> count ? <i32> load<f32>(choices, 4) : 0;
  if (temperature == 0 || topK == 1) return firstOf(highest, logits, count);
  let least = placeOf(-Infinity, count);
  if (topK > 0) least = leastByCount(logits, count, topK, topP, highest, temperature);
  else if (topP < 1) least = leastByMass(logits, count, topP, highest, temperature);
  return draw(logits, count, highest, temperature, load<f32>(choices, 12), least, uniform);
}

/** The largest of logits; NaN if one is NaN or +∞. */
function largest(logits: usize, count: i32): f32 {
  const infinity = splat(Infinity);
  let l0 = splat(-Infinity), l1 = l0, l2 = l0, l3 = l0;
  let finite = i32x4.splat(-1);
  let at = logits, left = count;
  for (; left >= 16; at += 64, left -= 16) {
    const z0 = v128.load(at), z1 = v128.load(at, 16);
    const z2 = v128.load(at, 32), z3 = v128.load(at, 48);
    const first = v128.and(f32x4.lt(z0, infinity), f32x4.lt(z1, infinity));
    const last = v128.and(f32x4.lt(z2, infinity), f32x4.lt(z3, infinity));
    finite = v128.and(finite, v128.and(first, last));
    l0 = f32x4.pmax(l0, z0);
    l1 = f32x4.pmax(l1, z1);
    l2 = f32x4.pmax(l2, z2);
    l3 = f32x4.pmax(l3, z3);
  }
  for (; left > 0; at += 16, left -= 4) {
    const z = logits4(at, left);
    finite = v128.and(finite, f32x4.lt(z, infinity));
    l0 = f32x4.pmax(l0, z);
  }
  if (!i32x4.all_true(finite)) return NaN;
  return laneMax(f32x4.pmax(f32x4.pmax(l0, l1), f32x4.pmax(l2, l3)));
}

/** The index of the first logit that is the highest. */
function firstOf(highest: f32, logits: usize, count: i32): i32 {
  let i = 0;
  while (i + RUN <= count && !reaches(logits + (<usize> i << 2), highest)) i += RUN;
  while (load<f32>(logits + (<usize> i << 2)) != highest) i++;
  return i;
}

/** Draws one of the tokens down to a place, of those with a weight of at least minP. */
function draw(
  logits: usize,
  count: i32,
  highest: f32,
  temperature: f32,
  minP: f32,
  least: u64,
  uniform: f32,
): i32 {
  const runs = (count + RUN - 1) / RUN, sums = workspace(), weights = sums + (<usize> runs << 3);
  const bound = logitAt(least);
  let mass: f64 = 0;
  for (let run = 0; run < runs; run++) {
    const start = run * RUN, length = min(RUN, count - start);
    let sum: f64 = 0;
    if (length < RUN || reaches(logits + (<usize> start << 2), bound)) {
      sum = weigh(weights, logits, start, length, highest, temperature, minP, least);
    }
    store<f64>(sums + (<usize> run << 3), sum);
    mass += sum;
  }
  const threshold = <f64> uniform * mass;
  let before: f64 = 0;
  let run = 0;
  while (run < runs - 1 && before + load<f64>(sums + (<usize> run << 3)) <= threshold) {
    before += load<f64>(sums + (<usize> run << 3));
    run++;
  }
  const start = run * RUN, length = min(RUN, count - start);
  weigh(weights, logits, start, length, highest, temperature, minP, least);
  let last = 0;
  for (let i = 0; i < length; i++) {
    const weight = load<f32>(weights + (<usize> i << 2));
    if (weight == 0) continue;
    last = i;
    before += <f64> weight;
    if (before > threshold) break;
  }
  return start + last;
}

/** Writes the weights of a run, 0 for tokens that are not kept, and returns their sum. */
function weigh(
  weights: usize,
  logits: usize,
  start: i32,
  length: i32,
  highest: f32,
  temperature: f32,
  minP: f32,
  least: u64,
): f64 {
  const bound = splat(logitAt(least)), lastEqual = i32x4.splat(indexAt(least));
  let indices = i32x4.add(i32x4.splat(start), i32x4(0, 1, 2, 3));
  let sum = f64x2.splat(0);
  let at = logits + (<usize> start << 2);
  for (let left = length; left > 0; left -= 4, at += 16, weights += 16) {
    const z = logits4(at, left), all = weight4(distance4(z, highest, temperature));
    const isEqual = v128.and(f32x4.eq(z, bound), i32x4.le_s(indices, lastEqual));
    const isKept = v128.and(v128.or(f32x4.gt(z, bound), isEqual), f32x4.ge(all, splat(minP)));
    const weight = v128.and(all, isKept);
    store4(weights, weight, left);
    const pairs = v128.shuffle<f32>(weight, weight, 2, 3, 0, 1);
    sum = f64x2.add(sum, f64x2.promote_low_f32x4(weight));
    sum = f64x2.add(sum, f64x2.promote_low_f32x4(pairs));
    indices = i32x4.add(indices, i32x4.splat(4));
  }
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}
