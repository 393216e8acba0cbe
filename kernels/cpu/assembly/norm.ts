/** Root-mean-square norm over rows. */
import { ARGUMENTS } from "./pool";
import { overRows, rowsPerItem } from "./rows";
import { addScaled, dot, fma, load4, splat, store4 } from "./simd";

/** What norms add to a mean square: 2⁻²³. */
export const EPS: f64 = 1.1920928955078125e-7;

@unmanaged
class Arguments {
  out: usize;
  x: usize;
  dout: usize;
  rows: i32;
  columns: i32;
  accumulate: bool;
}

const args = changetype<Arguments>(ARGUMENTS);

/** out = x / sqrt(mean(x²) + eps) for each row. */
export function rmsNorm(out: usize, x: usize, rows: i32, columns: i32): void {
  args.out = out;
  args.x = x;
  args.rows = rows;
  args.columns = columns;
  overRows(rows, columns, rmsNormItem);
}

function rmsNormItem(item: i32): void {
  const columns = args.columns, each = rowsPerItem(columns);
  const end = min(args.rows, (item + 1) * each);
  for (let row = item * each; row < end; row++) {
    const at = <usize> row * columns << 2;
    const x = args.x + at;
    addScaled(args.out + at, <f32> inverseRms(x, columns), x, columns, true);
  }
}

@inline
function inverseRms(x: usize, columns: i32): f64 {
  return 1 / sqrt<f64>(dot(x, x, columns) / columns + EPS);
}

/** dx (+)= r · (dout − x · r² · mean(dout · x)), r = 1/sqrt(mean(x²) + eps). */
export function rmsNormBackward(
  dx: usize,
  dout: usize,
  x: usize,
  accumulate: bool,
  rows: i32,
  columns: i32,
): void {
  args.out = dx;
  args.dout = dout;
  args.x = x;
  args.accumulate = accumulate;
  args.rows = rows;
  args.columns = columns;
  overRows(rows, columns, rmsNormBackwardItem);
}

function rmsNormBackwardItem(item: i32): void {
  const columns = args.columns, each = rowsPerItem(columns);
  const end = min(args.rows, (item + 1) * each);
  const accumulates = args.accumulate;
  for (let row = item * each; row < end; row++) {
    const offset = <usize> row * columns << 2;
    const x = args.x + offset, dout = args.dout + offset, dx = args.out + offset;
    const r = inverseRms(x, columns);
    const factor = splat(<f32> r);
    const projection = splat(<f32> (-r * r * r * dot(dout, x, columns) / columns));
    for (let at: usize = 0, left = columns; left > 0; at += 16, left -= 4) {
      let d = f32x4.mul(projection, load4(x + at, left));
      d = fma(factor, load4(dout + at, left), d);
      if (accumulates) d = f32x4.add(d, load4(dx + at, left));
      store4(dx + at, d, left);
    }
  }
}
