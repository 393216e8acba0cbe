/**
 * Copying operands into panels, the order in which the tile reads them: a panel of width w holds,
 * for each k in turn, the w numbers of its rows (or columns). What lies outside of the matrix is
 * filled with zeros, and the depth is rounded up to an even number.
 */
import { splat } from "./simd";

/** The next multiple from a count on: the padded side of a panel. */
@inline
export function roundUp(count: i32, multiple: i32): i32 {
  return (count + multiple - 1) / multiple * multiple;
}

/**
 * Panels from a matrix whose rows lie along k: out[k·width + i] = scale · source[k][i], for
 * `columns` columns in panels that are `panelStride` bytes apart. Rows are read from start to end,
 * as memory likes it.
 */
export function packAlong(
  out: usize,
  width: i32,
  panelStride: usize,
  source: usize,
  rowStride: usize,
  columns: i32,
  depth: i32,
  scale: f32,
): void {
  const step = <usize> width << 2;
  const factor = splat(scale);
  const whole = columns / width;
  const last = out + <usize> whole * panelStride, rest = columns - whole * width;
  for (let k = 0; k < depth; k += 2) {
    const below = k + 1 < depth ? rowStride : 0;
    let from = source, to = out;
    for (let panel = 0; panel < whole; panel++) {
      if (width == 16) packTwoRows16(to, from, from + below, factor);
      else packTwoRows8(to, from, from + below, factor);
      from += step;
      to += panelStride;
    }
    if (rest > 0) {
      const at = last + <usize> k * step;
      packRest(at, width, from, rest, scale);
      packRest(at + step, width, from + below, rest, scale);
    }
    source += rowStride << 1;
    out += step << 1;
  }
  if (depth & 1) {
    out -= step;
    for (let i = 0; i < columns; i += width) {
      memory.fill(out, 0, step);
      out += panelStride;
    }
  }
}

/** Eight numbers of each of two rows, one after the other: a cache line, loaded before it is stored. */
@inline
function packTwoRows8(out: usize, first: usize, second: usize, factor: v128): void {
  const x0 = f32x4.mul(factor, v128.load(first)), x1 = f32x4.mul(factor, v128.load(first, 16));
  const y0 = f32x4.mul(factor, v128.load(second)), y1 = f32x4.mul(factor, v128.load(second, 16));
  v128.store(out, x0);
  v128.store(out, x1, 16);
  v128.store(out, y0, 32);
  v128.store(out, y1, 48);
}

/** Sixteen numbers of each of two rows. */
@inline
function packTwoRows16(out: usize, first: usize, second: usize, factor: v128): void {
  const x0 = f32x4.mul(factor, v128.load(first)), x1 = f32x4.mul(factor, v128.load(first, 16));
  const x2 = f32x4.mul(factor, v128.load(first, 32)), x3 = f32x4.mul(factor, v128.load(first, 48));
  const y0 = f32x4.mul(factor, v128.load(second)), y1 = f32x4.mul(factor, v128.load(second, 16));
  const y2 = f32x4.mul(factor, v128.load(second, 32));
  const y3 = f32x4.mul(factor, v128.load(second, 48));
  v128.store(out, x0);
  v128.store(out, x1, 16);
  v128.store(out, x2, 32);
  v128.store(out, x3, 48);
  v128.store(out, y0, 64);
  v128.store(out, y1, 80);
  v128.store(out, y2, 96);
  v128.store(out, y3, 112);
}

/** A row of the last panel, if it is not full. */
function packRest(out: usize, width: i32, source: usize, count: i32, scale: f32): void {
  for (let i = 0; i < width; i++) {
    const at = <usize> i << 2;
    store<f32>(out + at, i < count ? scale * load<f32>(source + at) : 0);
  }
}

/** A panel from a matrix whose rows lie across k: out[k·width + i] = scale · source[i][k]. */
export function packAcross(
  out: usize,
  width: i32,
  source: usize,
  rowStride: usize,
  count: i32,
  depth: i32,
  scale: f32,
): void {
  const outStride = <usize> width << 2;
  for (let i = 0; i < width; i += 8) {
    const column = out + (<usize> i << 2);
    if (i + 8 <= count) {
      transposeEight(column, outStride, source, rowStride, depth, scale);
    } else {
      for (let lane = 0; lane < 8; lane++) {
        const from = source + <usize> lane * rowStride;
        let to = column + (<usize> lane << 2);
        for (let k = 0; k < depth; k++) {
          store<f32>(to, i + lane < count ? scale * load<f32>(from + (<usize> k << 2)) : 0);
          to += outStride;
        }
      }
    }
    source += rowStride << 3;
  }
  if (depth & 1) memory.fill(out + <usize> depth * outStride, 0, outStride);
}

/** Eight rows of `depth` numbers become columns of eight. */
function transposeEight(
  out: usize,
  outStride: usize,
  source: usize,
  rowStride: usize,
  depth: i32,
  scale: f32,
): void {
  const factor = splat(scale), four = rowStride << 2;
  let k = 0;
  for (; k + 4 <= depth; k += 4) {
    const r0 = f32x4.mul(factor, v128.load(source));
    const r1 = f32x4.mul(factor, v128.load(source + rowStride));
    const r2 = f32x4.mul(factor, v128.load(source + 2 * rowStride));
    const r3 = f32x4.mul(factor, v128.load(source + 3 * rowStride));
    const r4 = f32x4.mul(factor, v128.load(source + four));
    const r5 = f32x4.mul(factor, v128.load(source + four + rowStride));
    const r6 = f32x4.mul(factor, v128.load(source + four + 2 * rowStride));
    const r7 = f32x4.mul(factor, v128.load(source + four + 3 * rowStride));
    storeTransposed(out, outStride, r0, r1, r2, r3);
    storeTransposed(out + 16, outStride, r4, r5, r6, r7);
    source += 16;
    out += outStride << 2;
  }
  for (; k < depth; k++) {
    for (let lane: usize = 0; lane < 8; lane++) {
      store<f32>(out + (lane << 2), scale * load<f32>(source + lane * rowStride));
    }
    source += 4;
    out += outStride;
  }
}

/** Stores the transpose of the 4×4 matrix with rows r0 … r3. */
@inline
export function storeTransposed(
  out: usize,
  outStride: usize,
  r0: v128,
  r1: v128,
  r2: v128,
  r3: v128,
): void {
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
  v128.store(out + outStride, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
  v128.store(out + 2 * outStride, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
  v128.store(out + 3 * outStride, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
}
