/** AdamW in one pass over a tensor. */
import { ARGUMENTS, parallelFrom } from "./pool";
import { fma, load4, splat, store4 } from "./simd";

/** Elements of an item. */
const CHUNK: i32 = 16384;
const PARALLEL_FROM: i64 = 32768;

@unmanaged
class Arguments {
  p: usize;
  g: usize;
  m: usize;
  v: usize;
  count: i32;
  decay: f32;
  rate: f32;
  weight1: f32;
  weight2: f32;
  rootBias: f32;
  eps: f32;
  gradientScale: f32;
  rows: usize;
  columns: i32;
}

const args = changetype<Arguments>(ARGUMENTS);

/**
 * g = gradientScale·g[rows[i]] for row i of p, or zero where that is negative; without rows, g is as p.
 * m += weight1·(g − m); v += weight2·(g² − v); p = decay·p − rate · m / (rootBias·sqrt(v) + eps).
 */
export function adamW(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  count: i32,
  decay: f32,
  rate: f32,
  weight1: f32,
  weight2: f32,
  rootBias: f32,
  eps: f32,
  gradientScale: f32,
  rows: usize,
  columns: i32,
): void {
  args.p = p;
  args.g = g;
  args.m = m;
  args.v = v;
  args.count = count;
  args.decay = decay;
  args.rate = rate;
  args.weight1 = weight1;
  args.weight2 = weight2;
  args.rootBias = rootBias;
  args.eps = eps;
  args.gradientScale = gradientScale;
  args.rows = rows;
  args.columns = columns;
  if (rows != 0) {
    const each = max(1, CHUNK / columns), all = count / columns;
    parallelFrom(PARALLEL_FROM, count, (all + each - 1) / each, adamWRowsItem);
  } else parallelFrom(PARALLEL_FROM, count, (count + CHUNK - 1) / CHUNK, adamWItem);
}

function adamWItem(item: i32): void {
  const offset = <usize> item * CHUNK * 4, count = min(CHUNK, args.count - item * CHUNK);
  update(offset, args.g + offset, count);
}

function adamWRowsItem(item: i32): void {
  const columns = args.columns, each = max(1, CHUNK / columns), bytes = <usize> columns * 4;
  const end = min((item + 1) * each, args.count / columns);
  for (let i = item * each; i < end; i++) {
    const row = load<i32>(args.rows + (<usize> i << 2));
    update(<usize> i * bytes, row < 0 ? 0 : args.g + <usize> row * bytes, columns);
  }
}

/** Updates elements from an offset in bytes by their gradients at `g`; by none where that is 0. */
function update(offset: usize, g: usize, count: i32): void {
  const p = args.p + offset, m = args.m + offset, v = args.v + offset;
  const decay = splat(args.decay), rate = splat(-args.rate), eps = splat(args.eps);
  const weight1 = splat(args.weight1), weight2 = splat(args.weight2);
  const rootBias = splat(args.rootBias), gradientScale = splat(args.gradientScale);
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    const gradient = g == 0 ? splat(0) : f32x4.mul(gradientScale, load4(g + at, left));
    let first = load4(m + at, left), second = load4(v + at, left);
    first = fma(weight1, f32x4.sub(gradient, first), first);
    second = fma(weight2, f32x4.sub(f32x4.mul(gradient, gradient), second), second);
    store4(m + at, first, left);
    store4(v + at, second, left);
    const scale = fma(rootBias, f32x4.sqrt(second), eps);
    const kept = f32x4.mul(decay, load4(p + at, left));
    store4(p + at, fma(rate, f32x4.div(first, scale), kept), left);
  }
}
