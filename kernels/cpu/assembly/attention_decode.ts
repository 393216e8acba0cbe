/**
 * Attention of few queries over a cache: a query and a head at a time, keys and values read once
 * as they lie, page by page.
 */
import { addFour, fourDots } from "./dots";
import { endOfPage, PAGE_ROWS, rowInPages } from "./pages";
import { ARGUMENTS, parallelFrom, workspace } from "./pool";
import { addScaled, dot, exp4, laneSum, splat } from "./simd";

const PARALLEL_FROM: i64 = 1 << 16;

@unmanaged
class Arguments {
  out: usize;
  q: usize;
  k: usize;
  v: usize;
  positions: usize;
  pages: usize;
  time: i32;
  /** Keys that a sequence has at most. */
  keys: i32;
  /** How many pages there are. */
  limit: i32;
  heads: i32;
  kvHeads: i32;
  headSize: i32;
  window: i32;
}

const args = changetype<Arguments>(ARGUMENTS);

/** As `attention`, for few queries; a thread's workspace holds a row of `keys` scores. */
export function attentionDecode(
  out: usize,
  q: usize,
  k: usize,
  v: usize,
  positions: usize,
  pages: usize,
  batch: i32,
  time: i32,
  keys: i32,
  limit: i32,
  heads: i32,
  kvHeads: i32,
  headSize: i32,
  window: i32,
): void {
  args.out = out;
  args.q = q;
  args.k = k;
  args.v = v;
  args.positions = positions;
  args.pages = pages;
  args.time = time;
  args.keys = keys;
  args.limit = limit;
  args.heads = heads;
  args.kvHeads = kvHeads;
  args.headSize = headSize;
  args.window = window;
  let seen: i64 = 0;
  for (let b = 0; b < batch; b++) {
    seen += min(window, load<i32>(positions + (<usize> b << 2))) + time;
  }
  parallelFrom(PARALLEL_FROM, seen * time * heads * headSize, batch * time * heads, decodeItem);
}

/** item = (batch row, query, head), as q lies. */
function decodeItem(item: i32): void {
  const headSize = args.headSize;
  const head = item % args.heads, row = item / args.heads, b = row / args.time;
  const kvHead = head / (args.heads / args.kvHeads);
  const last = load<i32>(args.positions + (<usize> b << 2)) + row % args.time;
  if (<u32> last >= <u32> args.keys) unreachable();
  const first = max(0, last - args.window), count = last - first + 1;
  const pages = args.pages + (<usize> (b * (args.keys / PAGE_ROWS)) << 2);
  const stride = <usize> (args.kvHeads * headSize) << 2;
  const headOffset = <usize> (kvHead * headSize) << 2;
  const at = <usize> item * <usize> headSize << 2;
  const q = args.q + at, out = args.out + at, scores = workspace();
  const scale = <f32> (1 / sqrt<f64>(headSize));
  for (let key = first, next = key; key <= last; key = next) {
    next = min(last + 1, endOfPage(key));
    const rows = args.k + rowInPages(pages, key, args.limit) * stride + headOffset;
    scoreRows(scores + (<usize> (key - first) << 2), q, rows, stride, next - key, headSize);
  }
  let largest: f32 = -Infinity;
  for (let i: usize = 0; i < <usize> count << 2; i += 4) {
    const score = scale * load<f32>(scores + i);
    largest = max(largest, score);
    store<f32>(scores + i, score);
  }
  // Past the end, up to a whole vector, are scores whose exponential is next to nothing.
  for (let i = count; i & 3; i++) store<f32>(scores + (<usize> i << 2), largest - 100);
  const shift = splat(largest);
  let sums = splat(0);
  for (let i = 0; i < count; i += 4) {
    const place = scores + (<usize> i << 2);
    const e = exp4(f32x4.sub(v128.load(place), shift));
    v128.store(place, e);
    sums = f32x4.add(sums, e);
  }
  memory.fill(out, 0, <usize> headSize << 2);
  for (let key = first, next = key; key <= last; key = next) {
    next = min(last + 1, endOfPage(key));
    const rows = args.v + rowInPages(pages, key, args.limit) * stride + headOffset;
    addRows(out, scores + (<usize> (key - first) << 2), rows, stride, next - key, headSize);
  }
  addScaled(out, 1 / laneSum(sums), out, headSize, true);
}

/** scores[i] = Σ q · rows[i], for `count` rows of a page. */
function scoreRows(
  scores: usize,
  q: usize,
  rows: usize,
  stride: usize,
  count: i32,
  headSize: i32,
): void {
  const whole = count & ~3;
  for (let i = 0; i < whole; i += 4) {
    fourDots(scores + (<usize> i << 2), q, rows + <usize> i * stride, stride, headSize);
  }
  for (let i = whole; i < count; i++) {
    const score = <f32> dot(q, rows + <usize> i * stride, headSize);
    store<f32>(scores + (<usize> i << 2), score);
  }
}

/** out += Σ weights[i] · rows[i], for `count` rows of a page. */
function addRows(
  out: usize,
  weights: usize,
  rows: usize,
  stride: usize,
  count: i32,
  headSize: i32,
): void {
  const whole = count & ~3;
  for (let i = 0; i < whole; i += 4) {
    addFour(out, weights + (<usize> i << 2), rows + <usize> i * stride, stride, headSize);
  }
  for (let i = whole; i < count; i++) {
    addScaled(out, load<f32>(weights + (<usize> i << 2)), rows + <usize> i * stride, headSize);
  }
}
