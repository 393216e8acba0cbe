/** What Muon does beside its products, on stacks of matrices: an item has a matrix or a chunk. */
import { ARGUMENTS, parallelFrom, workspace } from "./pool";
import { addScaled, dot, fma, load4, splat, store4 } from "./simd";

/** Elements of an item where matrices need not be seen whole. */
const CHUNK: i32 = 16384;
const PARALLEL_FROM: i64 = 32768;

@unmanaged
class Arguments {
  x: usize;
  y: usize;
  z: usize;
  count: i32;
  rows: i32;
  columns: i32;
  a: f32;
  b: f32;
  c: f32;
}

const args = changetype<Arguments>(ARGUMENTS);

function overChunks(count: i32, item: (index: i32) => void): void {
  args.count = count;
  parallelFrom(PARALLEL_FROM, count, (count + CHUNK - 1) / CHUNK, item);
}

function overMatrices(count: i32, rows: i32, columns: i32, item: (index: i32) => void): void {
  args.rows = rows;
  args.columns = columns;
  parallelFrom(PARALLEL_FROM, <i64> count * rows * columns, count, item);
}

@inline
function matrixAt(index: i32): usize {
  return args.x + (<usize> index * <usize> args.rows * <usize> args.columns << 2);
}

/** g *= scale; momentum = lerp(momentum, g, 1−mu); out = lerp(g, momentum, mu). */
export function muonMomentum(
  out: usize,
  momentum: usize,
  g: usize,
  count: i32,
  mu: f32,
  scale: f32,
): void {
  args.x = out;
  args.y = momentum;
  args.z = g;
  args.a = mu;
  args.b = scale;
  overChunks(count, momentumItem);
}

function momentumItem(item: i32): void {
  const offset = <usize> item * CHUNK * 4, count = min(CHUNK, args.count - item * CHUNK);
  const out = args.x + offset, momentum = args.y + offset, g = args.z + offset;
  const mu = splat(args.a), rest = splat(1 - args.a), scale = splat(args.b);
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    const gradient = f32x4.mul(scale, load4(g + at, left));
    let m = load4(momentum + at, left);
    m = fma(rest, f32x4.sub(gradient, m), m);
    store4(momentum + at, m, left);
    store4(out + at, fma(mu, f32x4.sub(m, gradient), gradient), left);
  }
}

/** p −= lr·x + (x·p ≥ 0 ? decay·p : 0). */
export function cautiousUpdate(p: usize, x: usize, count: i32, lr: f32, decay: f32): void {
  args.x = p;
  args.y = x;
  args.a = lr;
  args.b = decay;
  overChunks(count, cautiousItem);
}

function cautiousItem(item: i32): void {
  const offset = <usize> item * CHUNK * 4, count = min(CHUNK, args.count - item * CHUNK);
  const p = args.x + offset, x = args.y + offset;
  const rate = splat(-args.a), decay = splat(-args.b), zero = splat(0);
  for (let at: usize = 0, left = count; left > 0; at += 16, left -= 4) {
    const value = load4(p + at, left), update = load4(x + at, left);
    const agrees = f32x4.ge(f32x4.mul(update, value), zero);
    const shrink = v128.and(f32x4.mul(decay, value), agrees);
    store4(p + at, f32x4.add(value, fma(rate, update, shrink)), left);
  }
}

/** Each matrix is scaled by target / max(‖x‖·margin + eps, 1e-6). */
export function frobeniusNormalize(
  x: usize,
  count: i32,
  rows: i32,
  columns: i32,
  target: f32,
  margin: f32,
  eps: f32,
): void {
  args.x = x;
  args.a = target;
  args.b = margin;
  args.c = eps;
  overMatrices(count, rows, columns, normalizeItem);
}

function normalizeItem(item: i32): void {
  const x = matrixAt(item), size = args.rows * args.columns;
  const norm = sqrt<f64>(dot(x, x, size));
  const scale = <f64> args.a / max<f64>(norm * args.b + args.c, 1e-6);
  addScaled(x, <f32> scale, x, size, true);
}

/**
 * Every row of a matrix gets the norm that its rows have in the root mean square. The workspace has a
 * number for each.
 */
export function equilibrateRows(x: usize, count: i32, rows: i32, columns: i32): void {
  args.x = x;
  overMatrices(count, rows, columns, equilibrateItem);
}

function equilibrateItem(item: i32): void {
  const norms = workspace(), stride = <usize> args.columns << 2;
  let sum: f64 = 0;
  let row = matrixAt(item);
  for (let r: usize = 0; r < <usize> args.rows; r++) {
    const square = dot(row, row, args.columns);
    store<f32>(norms + (r << 2), <f32> sqrt<f64>(square));
    sum += square;
    row += stride;
  }
  const goal = <f32> sqrt<f64>(sum / args.rows);
  row = matrixAt(item);
  for (let r: usize = 0; r < <usize> args.rows; r++) {
    const norm = max<f32>(load<f32>(norms + (r << 2)), 1e-6);
    addScaled(row, goal / norm, row, args.columns, true);
    row += stride;
  }
}

/**
 * Muon's variance reduction of each matrix with its row of `secondMomentum`. The workspace has a
 * number for each row or column.
 */
export function muonVarianceReduction(
  x: usize,
  secondMomentum: usize,
  count: i32,
  rows: i32,
  columns: i32,
  beta2: f32,
): void {
  args.x = x;
  args.y = secondMomentum;
  args.a = beta2;
  overMatrices(count, rows, columns, varianceItem);
}

function varianceItem(item: i32): void {
  const rows = args.rows, columns = args.columns, stride = <usize> columns << 2;
  const byRow = rows >= columns;
  const kept = byRow ? rows : columns, length = byRow ? columns : rows;
  const factors = workspace(), matrix = matrixAt(item);
  if (byRow) sumRowSquares(factors, matrix);
  else sumColumnSquares(factors, matrix);

  const state = args.y + (<usize> item * <usize> kept << 2);
  let before: f64 = 0, after: f64 = 0;
  for (let i: usize = 0; i < <usize> kept << 2; i += 4) {
    const total = load<f32>(factors + i);
    const old = load<f32>(state + i);
    const second = old + (1 - args.a) * (total / <f32> length - old);
    store<f32>(state + i, second);
    const step: f64 = 1 / sqrt<f64>(max<f64>(second, 1e-10));
    store<f32>(factors + i, <f32> step);
    before += total;
    after += <f64> total * step * step;
  }
  const scale = <f32> (sqrt<f64>(before) / max<f64>(sqrt<f64>(after), 1e-10));
  for (let r: usize = 0; r < <usize> rows; r++) {
    const row = matrix + r * stride;
    if (byRow) addScaled(row, scale * load<f32>(factors + (r << 2)), row, columns, true);
    else scaleElements(row, factors, scale);
  }
}

function sumRowSquares(sums: usize, matrix: usize): void {
  const stride = <usize> args.columns << 2;
  for (let r: usize = 0; r < <usize> args.rows; r++) {
    const row = matrix + r * stride;
    store<f32>(sums + (r << 2), <f32> dot(row, row, args.columns));
  }
}

function sumColumnSquares(sums: usize, matrix: usize): void {
  const columns = args.columns;
  memory.fill(sums, 0, <usize> columns << 2);
  for (let r = 0; r < args.rows; r++) {
    const row = matrix + (<usize> r * <usize> columns << 2);
    for (let c = 0; c < columns; c += 4) {
      const at = <usize> c << 2, left = columns - c;
      const x = load4(row + at, left);
      store4(sums + at, fma(x, x, load4(sums + at, left)), left);
    }
  }
}

function scaleElements(row: usize, factors: usize, scale: f32): void {
  const common = splat(scale);
  for (let c = 0; c < args.columns; c += 4) {
    const at = <usize> c << 2, left = args.columns - c;
    const factor = f32x4.mul(common, load4(factors + at, left));
    store4(row + at, f32x4.mul(factor, load4(row + at, left)), left);
  }
}
