/** Mixing each position with the one before it. */
import { ARGUMENTS } from "./pool";
import { overRows, rowItems, rowsPerItem } from "./rows";
import { addScaled, dot, sigmoid1 } from "./simd";

@unmanaged
class Arguments {
  out: usize;
  dout: usize;
  x: usize;
  gate: usize;
  previous: usize;
  starts: usize;
  partials: usize;
  rows: i32;
  columns: i32;
  /** Positions of a sequence. */
  time: i32;
  /** Columns the gate reads. */
  gateSize: i32;
  lambda: f32;
}

const args = changetype<Arguments>(ARGUMENTS);

/**
 * out_t = x_t + lambda · sigmoid(gate · x_t) · x_{t−1}; `previous` (B, C) and `starts` (B, T) may be
 * null.
 */
export function smear(
  out: usize,
  x: usize,
  gate: usize,
  previous: usize,
  starts: usize,
  lambda: usize,
  rows: i32,
  columns: i32,
  time: i32,
  gateSize: i32,
): void {
  args.out = out;
  args.x = x;
  args.gate = gate;
  args.previous = previous;
  args.starts = starts;
  args.lambda = load<f32>(lambda);
  args.rows = rows;
  args.columns = columns;
  args.time = time;
  args.gateSize = gateSize;
  overRows(rows, columns, smearItem);
}

function smearItem(item: i32): void {
  const columns = args.columns, stride = <usize> columns << 2, each = rowsPerItem(columns);
  const end = min(args.rows, (item + 1) * each);
  for (let row = item * each; row < end; row++) {
    const x = args.x + <usize> row * stride, out = args.out + <usize> row * stride;
    memory.copy(out, x, stride);
    let before = x - stride;
    if (isFirst(row)) {
      if (args.previous == 0 || args.starts != 0) continue;
      before = args.previous + <usize> (row / args.time) * stride;
    }
    addScaled(out, args.lambda * gateOf(x), before, columns);
  }
}

/** Whether no row comes before one in its conversation. */
@inline
function isFirst(row: i32): bool {
  return row % args.time == (args.starts ? load<i32>(args.starts + (<usize> row << 2)) : 0);
}

@inline
function gateOf(x: usize): f32 {
  return sigmoid1(<f32> dot(args.gate, x, args.gateSize));
}

/**
 * dx =, dgate +=, dlambda[0] += the gradients for dout. `starts` may be null; `partials` holds
 * gateSize + 1 numbers for each item.
 */
export function smearBackward(
  dx: usize,
  dgate: usize,
  dlambda: usize,
  dout: usize,
  x: usize,
  gate: usize,
  lambda: usize,
  starts: usize,
  partials: usize,
  rows: i32,
  columns: i32,
  time: i32,
  gateSize: i32,
): void {
  args.out = dx;
  args.dout = dout;
  args.x = x;
  args.gate = gate;
  args.lambda = load<f32>(lambda);
  args.starts = starts;
  args.partials = partials;
  args.rows = rows;
  args.columns = columns;
  args.time = time;
  args.gateSize = gateSize;
  overRows(rows, columns, smearBackwardItem);
  for (let item = 0; item < rowItems(rows, columns); item++) {
    const sums = partials + (<usize> item * <usize> (gateSize + 1) << 2);
    addScaled(dgate, 1, sums, gateSize);
    store<f32>(dlambda, load<f32>(dlambda) + load<f32>(sums + (<usize> gateSize << 2)));
  }
}

/** Row by row: what its own gate gives, and what the next row took from it. */
function smearBackwardItem(item: i32): void {
  const columns = args.columns, stride = <usize> columns << 2, each = rowsPerItem(columns);
  const gateSize = args.gateSize, lambda = args.lambda;
  const sums = args.partials + (<usize> item * <usize> (gateSize + 1) << 2);
  const lambdaSum = sums + (<usize> gateSize << 2);
  memory.fill(sums, 0, <usize> (gateSize + 1) << 2);
  const end = min(args.rows, (item + 1) * each);
  for (let row = item * each; row < end; row++) {
    const at = <usize> row * stride;
    const x = args.x + at, dout = args.dout + at, dx = args.out + at;
    memory.copy(dx, dout, stride);
    if (row + 1 < args.rows && !isFirst(row + 1)) {
      addScaled(dx, lambda * gateOf(x + stride), dout + stride, columns);
    }
    if (isFirst(row)) continue;
    const s = gateOf(x);
    const inner = <f32> dot(dout, x - stride, columns);
    const slope = lambda * s * (1 - s) * inner;
    addScaled(dx, slope, args.gate, gateSize);
    addScaled(sums, slope, x, gateSize);
    store<f32>(lambdaSum, load<f32>(lambdaSum) + s * inner);
  }
}
