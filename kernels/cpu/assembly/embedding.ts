/** Copying and adding rows that are chosen by an index. */
import { endOfPage, PAGE_ROWS, rowInPages } from "./pages";
import { ARGUMENTS } from "./pool";
import { overRows, rowsPerItem } from "./rows";
import { addScaled } from "./simd";

@unmanaged
class Arguments {
  out: usize;
  x: usize;
  index: usize;
  tokens: usize;
  starts: usize;
  rows: i32;
  columns: i32;
  /** Rows of the tensor that the index chooses from. */
  limit: i32;
  time: i32;
  /** Whether x is bfloat16. */
  bfloat16: bool;
}

const args = changetype<Arguments>(ARGUMENTS);

/** The row that the index chooses. Outside of the tensor the kernel stops. */
@inline
function chosen(row: i32): usize {
  const index = load<i32>(args.index + (<usize> row << 2));
  if (<u32> index >= <u32> args.limit) unreachable();
  return <usize> index;
}

@inline
function overChosenRows(
  out: usize,
  x: usize,
  index: usize,
  rows: i32,
  columns: i32,
  limit: i32,
  item: (index: i32) => void,
): void {
  args.out = out;
  args.x = x;
  args.index = index;
  args.rows = rows;
  args.columns = columns;
  args.limit = limit;
  overRows(rows, columns, item);
}

/** out[r] = x[index[r]]; x has `limit` rows, of bfloat16 if said so. */
export function gatherRows(
  out: usize,
  x: usize,
  index: usize,
  rows: i32,
  columns: i32,
  limit: i32,
  bfloat16: bool,
): void {
  args.bfloat16 = bfloat16;
  overChosenRows(out, x, index, rows, columns, limit, gatherItem);
}

function gatherItem(item: i32): void {
  const stride = <usize> args.columns << 2, each = rowsPerItem(args.columns);
  const end = min(args.rows, (item + 1) * each);
  for (let row = item * each; row < end; row++) {
    const to = args.out + <usize> row * stride, from = chosen(row) * stride;
    if (args.bfloat16) addScaled<u16>(to, 1, args.x + (from >> 1), args.columns, true);
    else memory.copy(to, args.x + from, stride);
  }
}

/** out[index[r]] = x[r]; out has `limit` rows. */
export function scatterRows(
  out: usize,
  x: usize,
  index: usize,
  rows: i32,
  columns: i32,
  limit: i32,
): void {
  overChosenRows(out, x, index, rows, columns, limit, scatterItem);
}

function scatterItem(item: i32): void {
  const stride = <usize> args.columns << 2, each = rowsPerItem(args.columns);
  const end = min(args.rows, (item + 1) * each);
  for (let row = item * each; row < end; row++) {
    memory.copy(args.out + chosen(row) * stride, args.x + <usize> row * stride, stride);
  }
}

/** x[index[i]] += values[i] for `count` places; x has `limit` elements. */
export function addElements(
  x: usize,
  index: usize,
  values: usize,
  count: i32,
  limit: i32,
): void {
  args.index = index;
  args.limit = limit;
  for (let i = 0; i < count; i++) {
    const at = x + (chosen(i) << 2);
    store<f32>(at, load<f32>(at) + load<f32>(values + (<usize> i << 2)));
  }
}

/** out[tokens[g]] += Σ of x[rows[i]], i from starts[g] to starts[g+1], for `count` groups. */
export function embeddingBackward(
  out: usize,
  x: usize,
  tokens: usize,
  starts: usize,
  rows: usize,
  count: i32,
  columns: i32,
): void {
  args.out = out;
  args.x = x;
  args.tokens = tokens;
  args.starts = starts;
  args.index = rows;
  args.rows = count;
  args.columns = columns;
  overRows(count, columns, groupItem);
}

function groupItem(item: i32): void {
  const columns = args.columns, stride = <usize> columns << 2, each = rowsPerItem(columns);
  const end = min(args.rows, (item + 1) * each);
  for (let group = item * each; group < end; group++) {
    const at = <usize> group << 2;
    const out = args.out + <usize> load<i32>(args.tokens + at) * stride;
    const last = load<i32>(args.starts + at, 4);
    for (let i = load<i32>(args.starts + at); i < last; i++) {
      const row = <usize> load<i32>(args.index + (<usize> i << 2));
      addScaled(out, 1, args.x + row * stride, columns);
    }
  }
}

/**
 * Row positions[b] + t of sequence b = x[b, t], in a cache of `limit` pages, of which `pages` (batch,
 * perSequence) says whose they are; x has `time` rows for each b.
 */
export function appendCache(
  cache: usize,
  x: usize,
  positions: usize,
  pages: usize,
  batch: i32,
  time: i32,
  perSequence: i32,
  limit: i32,
  columns: i32,
): void {
  const stride = <usize> columns << 2;
  for (let b = 0; b < batch; b++) {
    const position = load<i32>(positions + (<usize> b << 2)), end = position + time;
    if (position < 0 || end > perSequence * PAGE_ROWS) unreachable();
    const own = pages + (<usize> (b * perSequence) << 2);
    for (let row = position, next = row; row < end; row = next) {
      next = min(end, endOfPage(row));
      const to = cache + rowInPages(own, row, limit) * stride;
      memory.copy(to, x + <usize> (b * time + row - position) * stride, <usize> (next - row) * stride);
    }
  }
}
