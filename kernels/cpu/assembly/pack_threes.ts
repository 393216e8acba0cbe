/**
 * Copying the left operand of a product into panels, in the order in which the tile of
 * `matmul_tile.ts` reads them: for every three terms in turn, the three numbers of each row. Terms
 * up to a multiple of three are filled with zeros; rows that a last panel lacks are left as they
 * are, for nobody looks at what they give.
 */
import { TILE_ROWS, TILE_TERMS } from "./matmul_tile";
import { splat } from "./simd";

/** Bytes of three terms: of a row, and of a panel. */
const ROW: usize = <usize> TILE_TERMS << 2;
const GROUP: usize = <usize> TILE_ROWS * ROW;

/** Where a row of panels that are `panelStride` bytes apart begins. */
@inline
function rowAt(out: usize, panelStride: usize, row: i32): usize {
  return out + <usize> (row / TILE_ROWS) * panelStride + <usize> (row % TILE_ROWS) * ROW;
}

/** Panels from a matrix whose rows are theirs: scale · source[row][k]. */
export function packThreesAcross(
  out: usize,
  panelStride: usize,
  source: usize,
  rowStride: usize,
  rows: i32,
  depth: i32,
  scale: f32,
): void {
  const factor = splat(scale);
  for (let row = 0; row < rows; row += 4) {
    let to = rowAt(out, panelStride, row), from = source + <usize> row * rowStride, k = 0;
    // It reads four terms to use three, which only the matrix's next terms allow.
    for (; row + 4 <= rows && k + 4 <= depth; k += TILE_TERMS) {
      const r0 = f32x4.mul(factor, v128.load(from));
      const r1 = f32x4.mul(factor, v128.load(from + rowStride));
      const r2 = f32x4.mul(factor, v128.load(from + 2 * rowStride));
      const r3 = f32x4.mul(factor, v128.load(from + 3 * rowStride));
      v128.store(to, v128.shuffle<f32>(r0, r1, 0, 1, 2, 4));
      v128.store(to, v128.shuffle<f32>(r1, r2, 1, 2, 4, 5), 16);
      v128.store(to, v128.shuffle<f32>(r2, r3, 2, 4, 5, 6), 32);
      from += ROW;
      to += GROUP;
    }
    const count = min(4, rows - row);
    for (; k < depth; k += TILE_TERMS) {
      for (let i = 0; i < count; i++) {
        packThree(to + <usize> i * ROW, from + <usize> i * rowStride, 4, depth - k, scale);
      }
      from += ROW;
      to += GROUP;
    }
  }
}

/** Panels from a matrix whose columns are their rows: scale · source[k][row]. */
export function packThreesAlong(
  out: usize,
  panelStride: usize,
  source: usize,
  rowStride: usize,
  rows: i32,
  depth: i32,
  scale: f32,
): void {
  const factor = splat(scale);
  for (let k = 0; k < depth; k += TILE_TERMS) {
    let row = 0;
    for (; row + 4 <= rows && k + TILE_TERMS <= depth; row += 4) {
      const to = rowAt(out, panelStride, row), from = source + (<usize> row << 2);
      const a = f32x4.mul(factor, v128.load(from));
      const b = f32x4.mul(factor, v128.load(from + rowStride));
      const c = f32x4.mul(factor, v128.load(from + 2 * rowStride));
      const low = v128.shuffle<f32>(a, b, 0, 4, 1, 5), high = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const middle = v128.shuffle<f32>(b, c, 1, 5, 1, 5);
      v128.store(to, v128.shuffle<f32>(low, c, 0, 1, 4, 2));
      v128.store(to, v128.shuffle<f32>(middle, high, 0, 1, 4, 5), 16);
      v128.store(to, v128.shuffle<f32>(high, c, 6, 2, 3, 7), 32);
    }
    for (; row < rows; row++) {
      const from = source + (<usize> row << 2);
      packThree(rowAt(out, panelStride, row), from, rowStride, depth - k, scale);
    }
    source += rowStride * TILE_TERMS;
    out += GROUP;
  }
}

/** Three terms of a row that are `stride` bytes apart; zeros from the `left`-th on. */
function packThree(to: usize, from: usize, stride: usize, left: i32, scale: f32): void {
  for (let term = 0; term < TILE_TERMS; term++) {
    store<f32>(to, term < left ? scale * load<f32>(from) : 0);
    to += 4;
    from += stride;
  }
}
