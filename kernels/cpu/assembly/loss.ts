/** Cross-entropy of softcapped logits, and its gradient in their place. */
import { ARGUMENTS, parallelFrom, workspace } from "./pool";
import {
  exp4,
  firstMax,
  fma,
  laneMax,
  laneSum,
  load4,
  log1,
  splat,
  store4,
  tanhComplement4,
  tanhFromComplement4,
} from "./simd";

const PARALLEL_FROM: i64 = 8192;

@unmanaged
class Arguments {
  losses: usize;
  logits: usize;
  targets: usize;
  /** Real columns, and columns with the padding. */
  vocabSize: i32;
  columns: i32;
  cap: f32;
  gradientScale: f32;
  hasGradient: bool;
}

const args = changetype<Arguments>(ARGUMENTS);

/** For `rows` rows; a thread's workspace holds one of them. */
export function softcapCrossEntropy(
  losses: usize,
  logits: usize,
  targets: usize,
  rows: i32,
  columns: i32,
  vocabSize: i32,
  cap: f32,
  gradientScale: f32,
  hasGradient: bool,
): void {
  args.losses = losses;
  args.logits = logits;
  args.targets = targets;
  args.columns = columns;
  args.vocabSize = vocabSize;
  args.cap = cap;
  args.gradientScale = gradientScale;
  args.hasGradient = hasGradient;
  parallelFrom(PARALLEL_FROM, <i64> rows * columns, rows, rowItem);
}

/** The complement of tanh(logits/cap) goes to the row, exp(z − max z) to the workspace. */
function rowItem(row: i32): void {
  const count = args.vocabSize, cap = args.cap, scratch = workspace();
  const logits = args.logits + (<usize> row * <usize> args.columns << 2);
  const target = load<i32>(args.targets + (<usize> row << 2));
  if (<u32> target >= <u32> count) unreachable();
  const inverse = splat(1 / cap);
  let largest = splat(-1);
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    const complement = tanhComplement4(f32x4.mul(inverse, load4(logits + at, left)));
    const t = tanhFromComplement4(complement);
    if (left >= 4) largest = f32x4.pmax(largest, t);
    else largest = f32x4.pmax(largest, splat(firstMax(t, left)));
    store4(logits + at, complement, left);
  }
  const top = laneMax(largest);
  const shift = splat(-cap * top), factor = splat(cap);
  let total = splat(0);
  let rest: f32 = 0;
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    const e = exp4(fma(factor, tanhFromComplement4(load4(logits + at, left)), shift));
    store4(scratch + at, e, left);
    if (left >= 4) total = f32x4.add(total, e);
    else for (let j = 0; j < left; j++) rest += load<f32>(scratch + at + (<usize> j << 2));
  }
  const sum = laneSum(total) + rest;
  const offset = <usize> target << 2;
  const t = f32x4.extract_lane(tanhFromComplement4(splat(load<f32>(logits + offset))), 0);
  store<f32>(args.losses + (<usize> row << 2), log1(sum) + cap * (top - t));
  if (args.hasGradient) gradientRow(logits, scratch, sum, offset);
}

/** logits = scale · (p − [column is target]) · (1 − tanh²), 0 in the padding. */
@inline
function gradientRow(logits: usize, scratch: usize, sum: f32, target: usize): void {
  const count = args.vocabSize, scale = args.gradientScale;
  const p = splat(scale / sum);
  const targetGradient = (load<f32>(scratch + target) / sum - 1) * scale *
    f32x4.extract_lane(slope(splat(load<f32>(logits + target))), 0);
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    const weight = f32x4.mul(p, load4(scratch + at, left));
    store4(logits + at, f32x4.mul(weight, slope(load4(logits + at, left))), left);
  }
  store<f32>(logits + target, targetGradient);
  memory.fill(logits + (<usize> count << 2), 0, <usize> (args.columns - count) << 2);
}

/** 1 − tanh² from the complement: c·(2 − c). */
@inline
function slope(complement: v128): v128 {
  const c = f32x4.abs(complement);
  return f32x4.mul(c, f32x4.sub(splat(2), c));
}
