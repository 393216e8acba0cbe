/** Adding gated embeddings to the values of attention. */
import { ARGUMENTS } from "./pool";
import { overRows, rowItems, rowsPerItem } from "./rows";
import { addScaled, dot, sigmoid1 } from "./simd";

@unmanaged
class Arguments {
  v: usize;
  table: usize;
  ids: usize;
  x: usize;
  gate: usize;
  dx: usize;
  dtable: usize;
  tokens: usize;
  starts: usize;
  order: usize;
  partials: usize;
  rows: i32;
  groups: i32;
  heads: i32;
  headSize: i32;
  /** Columns of x, and how many of them the gate reads. */
  columns: i32;
  gateSize: i32;
  /** What the sigmoid is multiplied by. */
  scale: f32;
  /** Whether the table is bfloat16. */
  bfloat16: bool;
}

const args = changetype<Arguments>(ARGUMENTS);

@inline
function gateRow(head: i32): usize {
  return args.gate + (<usize> (head * args.gateSize) << 2);
}

@inline
function xRow(row: i32): usize {
  return args.x + (<usize> row * <usize> args.columns << 2);
}

@inline
function gateOf(row: i32, head: i32): f32 {
  return sigmoid1(<f32> dot(gateRow(head), xRow(row), args.gateSize));
}

/** Bytes into v (or the table) of a row's (or token's) head. */
@inline
function headAt(row: i32, head: i32): usize {
  return (<usize> row * <usize> args.heads + <usize> head) * <usize> args.headSize << 2;
}

/** v[n, h] += scale · sigmoid(gate[h] · x[n]) · table[ids[n], h]. */
export function addValueEmbedding(
  v: usize,
  table: usize,
  ids: usize,
  x: usize,
  gate: usize,
  rows: i32,
  heads: i32,
  headSize: i32,
  columns: i32,
  gateSize: i32,
  scale: f32,
  bfloat16: bool,
): void {
  args.v = v;
  args.table = table;
  args.ids = ids;
  args.x = x;
  args.gate = gate;
  args.rows = rows;
  args.heads = heads;
  args.headSize = headSize;
  args.columns = columns;
  args.gateSize = gateSize;
  args.scale = scale;
  args.bfloat16 = bfloat16;
  overRows(rows, heads * headSize, addItem);
}

function addItem(item: i32): void {
  const each = rowsPerItem(args.heads * args.headSize);
  const end = min(args.rows, (item + 1) * each);
  for (let row = item * each; row < end; row++) {
    const id = load<i32>(args.ids + (<usize> row << 2));
    for (let head = 0; head < args.heads; head++) {
      const to = args.v + headAt(row, head), from = headAt(id, head);
      const factor = args.scale * gateOf(row, head);
      if (args.bfloat16) {
        addScaled<u16>(to, factor, args.table + (from >> 1), args.headSize);
      } else {
        addScaled(to, factor, args.table + from, args.headSize);
      }
    }
  }
}

/**
 * dx +=, dgate += and dtable += the gradients for dv. `partials` holds heads · gateSize numbers
 * for each item.
 */
export function addValueEmbeddingBackward(
  dx: usize,
  dgate: usize,
  dtable: usize,
  dv: usize,
  table: usize,
  ids: usize,
  tokens: usize,
  starts: usize,
  order: usize,
  groups: i32,
  x: usize,
  gate: usize,
  partials: usize,
  rows: i32,
  heads: i32,
  headSize: i32,
  columns: i32,
  gateSize: i32,
  scale: f32,
): void {
  args.dx = dx;
  args.dtable = dtable;
  args.v = dv;
  args.table = table;
  args.ids = ids;
  args.tokens = tokens;
  args.starts = starts;
  args.order = order;
  args.groups = groups;
  args.x = x;
  args.gate = gate;
  args.partials = partials;
  args.rows = rows;
  args.heads = heads;
  args.headSize = headSize;
  args.columns = columns;
  args.gateSize = gateSize;
  args.scale = scale;
  overRows(rows, heads * headSize, gateGradientItem);
  const size = heads * gateSize;
  for (let item = 0; item < rowItems(rows, heads * headSize); item++) {
    addScaled(dgate, 1, partials + (<usize> item * <usize> size << 2), size);
  }
  overRows(groups, heads * headSize, tableGradientItem);
}

function gateGradientItem(item: i32): void {
  const headSize = args.headSize, gateSize = args.gateSize, size = args.heads * gateSize;
  const each = rowsPerItem(args.heads * headSize);
  const sums = args.partials + (<usize> item * <usize> size << 2);
  memory.fill(sums, 0, <usize> size << 2);
  const end = min(args.rows, (item + 1) * each);
  for (let row = item * each; row < end; row++) {
    const id = load<i32>(args.ids + (<usize> row << 2));
    const dx = args.dx + (<usize> row * <usize> args.columns << 2);
    for (let head = 0; head < args.heads; head++) {
      const s = gateOf(row, head);
      const inner = <f32> dot(args.v + headAt(row, head), args.table + headAt(id, head), headSize);
      const slope: f32 = args.scale * s * (1 - s) * inner;
      addScaled(dx, slope, gateRow(head), gateSize);
      addScaled(sums + (<usize> (head * gateSize) << 2), slope, xRow(row), gateSize);
    }
  }
}

function tableGradientItem(item: i32): void {
  const each = rowsPerItem(args.heads * args.headSize);
  const end = min(args.groups, (item + 1) * each);
  for (let group = item * each; group < end; group++) {
    const at = <usize> group << 2;
    const token = load<i32>(args.tokens + at);
    const last = load<i32>(args.starts + at, 4);
    for (let i = load<i32>(args.starts + at); i < last; i++) {
      const row = load<i32>(args.order + (<usize> i << 2));
      for (let head = 0; head < args.heads; head++) {
        const to = args.dtable + headAt(token, head);
        addScaled(to, args.scale * gateOf(row, head), args.v + headAt(row, head), args.headSize);
      }
    }
  }
}
