/** Rotary position embedding of heads, followed by their norm. */
import { EPS } from "./norm";
import { ARGUMENTS } from "./pool";
import { overRows, rowsPerItem } from "./rows";
import { addScaled, dot, fma, fnma, load4, splat, store4 } from "./simd";

@unmanaged
class Arguments {
  x: usize;
  y: usize;
  cos: usize;
  sin: usize;
  rstd: usize;
  positions: usize;
  /** Heads of all rows, heads of a row, and positions of a sequence. */
  count: i32;
  heads: i32;
  time: i32;
  headSize: i32;
  /** Rows of the tables. */
  limit: i32;
  scale: f32;
}

const args = changetype<Arguments>(ARGUMENTS);

/** In place: rotate, normalise, scale. `rstd` and `positions` may be null. */
export function rotaryNorm(
  x: usize,
  cos: usize,
  sin: usize,
  rstd: usize,
  positions: usize,
  count: i32,
  heads: i32,
  time: i32,
  headSize: i32,
  limit: i32,
  scale: f32,
): void {
  args.x = x;
  args.cos = cos;
  args.sin = sin;
  args.rstd = rstd;
  args.positions = positions;
  args.count = count;
  args.heads = heads;
  args.time = time;
  args.headSize = headSize;
  args.limit = limit;
  args.scale = scale;
  overRows(count, headSize, rotaryItem);
}

/** Bytes into the tables of the position of a head. */
@inline
function tableRow(head: i32): usize {
  const row = head / args.heads;
  let position = row % args.time;
  if (args.positions) position += load<i32>(args.positions + (<usize> (row / args.time) << 2));
  if (<u32> position >= <u32> args.limit) unreachable();
  return <usize> position * <usize> args.headSize << 1;
}

function rotaryItem(item: i32): void {
  const headSize = args.headSize, each = rowsPerItem(headSize);
  const end = min(args.count, (item + 1) * each);
  for (let head = item * each; head < end; head++) {
    const x = args.x + (<usize> head * <usize> headSize << 2);
    const at = tableRow(head);
    rotate(x, args.cos + at, args.sin + at, headSize >> 1, false);
    const rstd = 1 / sqrt<f64>(dot(x, x, headSize) / headSize + EPS);
    if (args.rstd) store<f32>(args.rstd + (<usize> head << 2), <f32> rstd);
    addScaled(x, args.scale * <f32> rstd, x, headSize, true);
  }
}

/** (x1, x2) = (x1·cos + x2·sin, x2·cos − x1·sin), or the inverse. */
@inline
function rotate(x: usize, cos: usize, sin: usize, half: i32, inverse: bool): void {
  const second = x + (<usize> half << 2);
  const sign = splat(inverse ? -1 : 1);
  for (let at: usize = 0, left = half; left > 0; at += 16, left -= 4) {
    const c = load4(cos + at, left), s = f32x4.mul(sign, load4(sin + at, left));
    const x1 = load4(x + at, left), x2 = load4(second + at, left);
    store4(x + at, fma(x1, c, f32x4.mul(x2, s)), left);
    store4(second + at, fnma(x1, s, f32x4.mul(x2, c)), left);
  }
}

/** In place on dx: from the gradient of the output y to that of the input. */
export function rotaryNormBackward(
  dx: usize,
  y: usize,
  rstd: usize,
  cos: usize,
  sin: usize,
  count: i32,
  heads: i32,
  time: i32,
  headSize: i32,
  limit: i32,
  scale: f32,
): void {
  args.x = dx;
  args.y = y;
  args.rstd = rstd;
  args.cos = cos;
  args.sin = sin;
  args.positions = 0;
  args.count = count;
  args.heads = heads;
  args.time = time;
  args.headSize = headSize;
  args.limit = limit;
  args.scale = scale;
  overRows(count, headSize, rotaryBackwardItem);
}

function rotaryBackwardItem(item: i32): void {
  const headSize = args.headSize, each = rowsPerItem(headSize), scale = args.scale;
  const end = min(args.count, (item + 1) * each);
  for (let head = item * each; head < end; head++) {
    const offset = <usize> head * <usize> headSize << 2;
    const dx = args.x + offset, y = args.y + offset;
    const factor = scale * load<f32>(args.rstd + (<usize> head << 2));
    const mean = dot(dx, y, headSize) / headSize / (<f64> scale * scale);
    const projection = splat(<f32> (-mean * factor)), scaled = splat(factor);
    for (let at: usize = 0, left = headSize; left > 0; at += 16, left -= 4) {
      const d = f32x4.mul(projection, load4(y + at, left));
      store4(dx + at, fma(scaled, load4(dx + at, left), d), left);
    }
    const at = tableRow(head);
    rotate(dx, args.cos + at, args.sin + at, headSize >> 1, true);
  }
}
