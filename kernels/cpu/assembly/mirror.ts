/** Completing symmetric matrices of which only the lower triangle was computed. */
import { storeTransposed } from "./pack";
import { ARGUMENTS, parallelFrom } from "./pool";

/** Rows of an item. */
const BLOCK: i32 = 64;
const PARALLEL_FROM: i64 = 1 << 16;

@unmanaged
class Arguments {
  matrices: usize;
  n: i32;
}

const args = changetype<Arguments>(ARGUMENTS);

/** Copies the lower triangle of each (n, n) matrix to its upper one. */
export function mirror(matrices: usize, count: i32, n: i32): void {
  args.matrices = matrices;
  args.n = n;
  parallelFrom(PARALLEL_FROM, <i64> count * n * n, count * ((n + BLOCK - 1) / BLOCK), mirrorItem);
}

/** Copies rows of the lower triangle to columns of the upper one: item = (matrix, block of rows). */
function mirrorItem(item: i32): void {
  const n = args.n, stride = <usize> n << 2;
  const rowBlocks = (n + BLOCK - 1) / BLOCK;
  const out = args.matrices + <usize> (item / rowBlocks) * <usize> n * stride;
  const first = (item % rowBlocks) * BLOCK, end = min(n, first + BLOCK);
  for (let i = first; i < end; i += 4) {
    for (let j = 0; j <= i; j += 4) {
      const from = out + <usize> i * stride + (<usize> j << 2);
      const to = out + <usize> j * stride + (<usize> i << 2);
      if (i + 4 <= n) {
        const r0 = v128.load(from), r1 = v128.load(from + stride);
        const r2 = v128.load(from + 2 * stride), r3 = v128.load(from + 3 * stride);
        storeTransposed(to, stride, r0, r1, r2, r3);
      } else {
        mirrorRest(from, to, stride, n - i, min(4, n - j));
      }
    }
  }
}

/** As above for the last rows, fewer than four. */
function mirrorRest(from: usize, to: usize, stride: usize, rows: i32, columns: i32): void {
  for (let i: usize = 0; i < <usize> rows; i++) {
    for (let j: usize = 0; j < <usize> columns; j++) {
      store<f32>(to + j * stride + (i << 2), load<f32>(from + i * stride + (j << 2)));
    }
  }
}
