/**
 * The inner loop of matrix products: a 16×12 tile over packed panels, three terms at a time.
 *
 * An engine without guard pages around its memory checks the bounds of every load, and four lanes
 * are few: so what limits a tile is not multiply-adds but all instructions together, above all
 * where a core is shared. Nine registers hold three terms of b here. Every row of the tile comes
 * from the stack and goes back once for its nine multiply-adds, and its three numbers of a arrive
 * by one load for four numbers: 2.5 instructions for each multiply-add, where an 8×16 tile that
 * reads each number of a for itself needs 3.1 and a 6×8 tile without spilling 2.9.
 */
import { fma } from "./simd";

/** Rows of the tile: the width of a panel of a. */
export const TILE_ROWS: i32 = 16;
/** Columns of the tile: the width of a panel of b. */
export const TILE_COLUMNS: i32 = 12;
/** Depths are multiples of this. */
export const TILE_TERMS: i32 = 3;

/**
 * out[16×12] = Σ_k a[i, k] · b[k, j] + initial[16×12] (nothing is added where `initial` is null), or
 * only its first four or eight columns where no more are wanted. Panel a has, for every three terms
 * in turn, three numbers of each row; panel b has twelve numbers for each term. `initial` and `out`
 * have rows that are `stride` bytes apart.
 */
export function multiplyPanels(
  columns: i32,
  a: usize,
  b: usize,
  depth: i32,
  initial: usize,
  out: usize,
  stride: usize,
): void {
  if (columns > 8) multiplyTwelve(a, b, depth, initial, out, stride);
  else if (columns > 4) multiplyEight(a, b, depth, initial, out, stride);
  else multiplyFour(a, b, depth, initial, out, stride);
}

// Functions of their own, so that an engine gives the registers of each to its own sums alone.

function multiplyTwelve(
  a: usize,
  b: usize,
  depth: i32,
  initial: usize,
  out: usize,
  stride: usize,
): void {
  multiply(3, a, b, depth, initial, out, stride);
}

function multiplyEight(
  a: usize,
  b: usize,
  depth: i32,
  initial: usize,
  out: usize,
  stride: usize,
): void {
  multiply(2, a, b, depth, initial, out, stride);
}

function multiplyFour(
  a: usize,
  b: usize,
  depth: i32,
  initial: usize,
  out: usize,
  stride: usize,
): void {
  multiply(1, a, b, depth, initial, out, stride);
}

/** The first `quads` times four columns: compilers drop the sums that are never stored. */
@inline
function multiply(
  quads: i32,
  a: usize,
  b: usize,
  depth: i32,
  initial: usize,
  out: usize,
  stride: usize,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c02 = c00;
  let c10 = c00, c11 = c00, c12 = c00;
  let c20 = c00, c21 = c00, c22 = c00;
  let c30 = c00, c31 = c00, c32 = c00;
  let c40 = c00, c41 = c00, c42 = c00;
  let c50 = c00, c51 = c00, c52 = c00;
  let c60 = c00, c61 = c00, c62 = c00;
  let c70 = c00, c71 = c00, c72 = c00;
  let c80 = c00, c81 = c00, c82 = c00;
  let c90 = c00, c91 = c00, c92 = c00;
  let ca0 = c00, ca1 = c00, ca2 = c00;
  let cb0 = c00, cb1 = c00, cb2 = c00;
  let cc0 = c00, cc1 = c00, cc2 = c00;
  let cd0 = c00, cd1 = c00, cd2 = c00;
  let ce0 = c00, ce1 = c00, ce2 = c00;
  let cf0 = c00, cf1 = c00, cf2 = c00;
  for (; depth > 0; depth -= TILE_TERMS) {
    const b00 = v128.load(b, 0), b01 = v128.load(b, 16), b02 = v128.load(b, 32);
    const b10 = v128.load(b, 48), b11 = v128.load(b, 64), b12 = v128.load(b, 80);
    const b20 = v128.load(b, 96), b21 = v128.load(b, 112), b22 = v128.load(b, 128);
    const half = a + 96;
    let four: v128, x: v128;
    four = v128.load(a, 0);
    x = lane0(four);
    c00 = fma(x, b00, c00), c01 = fma(x, b01, c01), c02 = fma(x, b02, c02);
    x = lane1(four);
    c00 = fma(x, b10, c00), c01 = fma(x, b11, c01), c02 = fma(x, b12, c02);
    x = lane2(four);
    c00 = fma(x, b20, c00), c01 = fma(x, b21, c01), c02 = fma(x, b22, c02);
    x = lane3(four);
    c10 = fma(x, b00, c10), c11 = fma(x, b01, c11), c12 = fma(x, b02, c12);
    four = v128.load(a, 16);
    x = lane0(four);
    c10 = fma(x, b10, c10), c11 = fma(x, b11, c11), c12 = fma(x, b12, c12);
    x = lane1(four);
    c10 = fma(x, b20, c10), c11 = fma(x, b21, c11), c12 = fma(x, b22, c12);
    x = lane2(four);
    c20 = fma(x, b00, c20), c21 = fma(x, b01, c21), c22 = fma(x, b02, c22);
    x = lane3(four);
    c20 = fma(x, b10, c20), c21 = fma(x, b11, c21), c22 = fma(x, b12, c22);
    four = v128.load(a, 32);
    x = lane0(four);
    c20 = fma(x, b20, c20), c21 = fma(x, b21, c21), c22 = fma(x, b22, c22);
    x = lane1(four);
    c30 = fma(x, b00, c30), c31 = fma(x, b01, c31), c32 = fma(x, b02, c32);
    x = lane2(four);
    c30 = fma(x, b10, c30), c31 = fma(x, b11, c31), c32 = fma(x, b12, c32);
    x = lane3(four);
    c30 = fma(x, b20, c30), c31 = fma(x, b21, c31), c32 = fma(x, b22, c32);
    four = v128.load(a, 48);
    x = lane0(four);
    c40 = fma(x, b00, c40), c41 = fma(x, b01, c41), c42 = fma(x, b02, c42);
    x = lane1(four);
    c40 = fma(x, b10, c40), c41 = fma(x, b11, c41), c42 = fma(x, b12, c42);
    x = lane2(four);
    c40 = fma(x, b20, c40), c41 = fma(x, b21, c41), c42 = fma(x, b22, c42);
    x = lane3(four);
    c50 = fma(x, b00, c50), c51 = fma(x, b01, c51), c52 = fma(x, b02, c52);
    four = v128.load(a, 64);
    x = lane0(four);
    c50 = fma(x, b10, c50), c51 = fma(x, b11, c51), c52 = fma(x, b12, c52);
    x = lane1(four);
    c50 = fma(x, b20, c50), c51 = fma(x, b21, c51), c52 = fma(x, b22, c52);
    x = lane2(four);
    c60 = fma(x, b00, c60), c61 = fma(x, b01, c61), c62 = fma(x, b02, c62);
    x = lane3(four);
    c60 = fma(x, b10, c60), c61 = fma(x, b11, c61), c62 = fma(x, b12, c62);
    four = v128.load(a, 80);
    x = lane0(four);
    c60 = fma(x, b20, c60), c61 = fma(x, b21, c61), c62 = fma(x, b22, c62);
    x = lane1(four);
    c70 = fma(x, b00, c70), c71 = fma(x, b01, c71), c72 = fma(x, b02, c72);
    x = lane2(four);
    c70 = fma(x, b10, c70), c71 = fma(x, b11, c71), c72 = fma(x, b12, c72);
    x = lane3(four);
    c70 = fma(x, b20, c70), c71 = fma(x, b21, c71), c72 = fma(x, b22, c72);
    four = v128.load(half, 0);
    x = lane0(four);
    c80 = fma(x, b00, c80), c81 = fma(x, b01, c81), c82 = fma(x, b02, c82);
    x = lane1(four);
    c80 = fma(x, b10, c80), c81 = fma(x, b11, c81), c82 = fma(x, b12, c82);
    x = lane2(four);
    c80 = fma(x, b20, c80), c81 = fma(x, b21, c81), c82 = fma(x, b22, c82);
    x = lane3(four);
    c90 = fma(x, b00, c90), c91 = fma(x, b01, c91), c92 = fma(x, b02, c92);
    four = v128.load(half, 16);
    x = lane0(four);
    c90 = fma(x, b10, c90), c91 = fma(x, b11, c91), c92 = fma(x, b12, c92);
    x = lane1(four);
    c90 = fma(x, b20, c90), c91 = fma(x, b21, c91), c92 = fma(x, b22, c92);
    x = lane2(four);
    ca0 = fma(x, b00, ca0), ca1 = fma(x, b01, ca1), ca2 = fma(x, b02, ca2);
    x = lane3(four);
    ca0 = fma(x, b10, ca0), ca1 = fma(x, b11, ca1), ca2 = fma(x, b12, ca2);
    four = v128.load(half, 32);
    x = lane0(four);
    ca0 = fma(x, b20, ca0), ca1 = fma(x, b21, ca1), ca2 = fma(x, b22, ca2);
    x = lane1(four);
    cb0 = fma(x, b00, cb0), cb1 = fma(x, b01, cb1), cb2 = fma(x, b02, cb2);
    x = lane2(four);
    cb0 = fma(x, b10, cb0), cb1 = fma(x, b11, cb1), cb2 = fma(x, b12, cb2);
    x = lane3(four);
    cb0 = fma(x, b20, cb0), cb1 = fma(x, b21, cb1), cb2 = fma(x, b22, cb2);
    four = v128.load(half, 48);
    x = lane0(four);
    cc0 = fma(x, b00, cc0), cc1 = fma(x, b01, cc1), cc2 = fma(x, b02, cc2);
    x = lane1(four);
    cc0 = fma(x, b10, cc0), cc1 = fma(x, b11, cc1), cc2 = fma(x, b12, cc2);
    x = lane2(four);
    cc0 = fma(x, b20, cc0), cc1 = fma(x, b21, cc1), cc2 = fma(x, b22, cc2);
    x = lane3(four);
    cd0 = fma(x, b00, cd0), cd1 = fma(x, b01, cd1), cd2 = fma(x, b02, cd2);
    four = v128.load(half, 64);
    x = lane0(four);
    cd0 = fma(x, b10, cd0), cd1 = fma(x, b11, cd1), cd2 = fma(x, b12, cd2);
    x = lane1(four);
    cd0 = fma(x, b20, cd0), cd1 = fma(x, b21, cd1), cd2 = fma(x, b22, cd2);
    x = lane2(four);
    ce0 = fma(x, b00, ce0), ce1 = fma(x, b01, ce1), ce2 = fma(x, b02, ce2);
    x = lane3(four);
    ce0 = fma(x, b10, ce0), ce1 = fma(x, b11, ce1), ce2 = fma(x, b12, ce2);
    four = v128.load(half, 80);
    x = lane0(four);
    ce0 = fma(x, b20, ce0), ce1 = fma(x, b21, ce1), ce2 = fma(x, b22, ce2);
    x = lane1(four);
    cf0 = fma(x, b00, cf0), cf1 = fma(x, b01, cf1), cf2 = fma(x, b02, cf2);
    x = lane2(four);
    cf0 = fma(x, b10, cf0), cf1 = fma(x, b11, cf1), cf2 = fma(x, b12, cf2);
    x = lane3(four);
    cf0 = fma(x, b20, cf0), cf1 = fma(x, b21, cf1), cf2 = fma(x, b22, cf2);
    a += 192;
    b += 144;
  }
  storeRow(quads, out, initial, c00, c01, c02);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, c10, c11, c12);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, c20, c21, c22);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, c30, c31, c32);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, c40, c41, c42);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, c50, c51, c52);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, c60, c61, c62);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, c70, c71, c72);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, c80, c81, c82);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, c90, c91, c92);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, ca0, ca1, ca2);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, cb0, cb1, cb2);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, cc0, cc1, cc2);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, cd0, cd1, cd2);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, ce0, ce1, ce2);
  out += stride;
  if (initial) initial += stride;
  storeRow(quads, out, initial, cf0, cf1, cf2);
}

@inline
function lane0(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 0, 0, 0, 0);
}

@inline
function lane1(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 1, 1, 1, 1);
}

@inline
function lane2(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 2, 2, 2, 2);
}

@inline
function lane3(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 3, 3, 3, 3);
}

@inline
function storeRow(quads: i32, out: usize, initial: usize, x0: v128, x1: v128, x2: v128): void {
  if (initial) {
    x0 = f32x4.add(x0, v128.load(initial));
    if (quads > 1) x1 = f32x4.add(x1, v128.load(initial, 16));
    if (quads > 2) x2 = f32x4.add(x2, v128.load(initial, 32));
  }
  v128.store(out, x0);
  if (quads > 1) v128.store(out, x1, 16);
  if (quads > 2) v128.store(out, x2, 32);
}
