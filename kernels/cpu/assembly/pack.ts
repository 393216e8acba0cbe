/**
 * Copying operands into panels, the order in which a tile reads them: a panel of width w holds, for
 * each k in turn, the w numbers of its rows (or columns). What lies outside of the matrix, and of
 * its depth up to the padded one, is filled with zeros.
 */
import { splat, widenLow } from "./simd";

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
  paddedDepth: i32,
  scale: f32,
): void {
  const step = <usize> width << 2, factor = splat(scale);
  for (let k = 0; k < depth; k++) {
    let from = source, to = out;
    for (let column = 0; column < columns; column += width) {
      const count = min(width, columns - column);
      if (count == width) copyScaled(to, from, step, factor);
      else packRest(to, width, from, count, scale);
      from += step;
      to += panelStride;
    }
    source += rowStride;
    out += step;
  }
  const padding = <usize> (paddedDepth - depth) * step;
  for (let column = 0; column < columns; column += width) {
    memory.fill(out, 0, padding);
    out += panelStride;
  }
}

/** A panel's row, a multiple of 16 bytes. */
@inline
function copyScaled(out: usize, source: usize, bytes: usize, factor: v128): void {
  for (let at: usize = 0; at < bytes; at += 16) {
    v128.store(out + at, f32x4.mul(factor, v128.load(source + at)));
  }
}

/** A row of the last panel, if it is not full. */
function packRest(out: usize, width: i32, source: usize, count: i32, scale: f32): void {
  for (let i = 0; i < width; i++) {
    const at = <usize> i << 2;
    store<f32>(out + at, i < count ? scale * load<f32>(source + at) : 0);
  }
}

/** Four neighbours of a matrix of type T: f32, or u16 for bfloat16. */
@inline
function four<T>(at: usize): v128 {
  if (sizeof<T>() == 2) return widenLow(v128.load64_zero(at));
  return v128.load(at);
}

/** One number of such a matrix. */
@inline
function one<T>(at: usize): f32 {
  if (sizeof<T>() == 2) return reinterpret<f32>(<u32> load<u16>(at) << 16);
  return load<f32>(at);
}

/**
 * A panel from a matrix whose rows lie across k: out[k·width + i] = scale · source[i][k]. T is f32,
 * or u16 for a source in bfloat16.
 */
export function packAcross<T>(
  out: usize,
  width: i32,
  source: usize,
  rowStride: usize,
  count: i32,
  depth: i32,
  paddedDepth: i32,
  scale: f32,
): void {
  const outStride = <usize> width << 2;
  for (let i = 0; i < width; i += 4) {
    const column = out + (<usize> i << 2);
    if (i + 4 <= count) {
      transposeFour<T>(column, outStride, source, rowStride, depth, scale);
    } else {
      for (let lane = 0; lane < 4; lane++) {
        const from = source + <usize> lane * rowStride;
        let to = column + (<usize> lane << 2);
        for (let k = 0; k < depth; k++) {
          const at = from + <usize> k * sizeof<T>();
          store<f32>(to, i + lane < count ? scale * one<T>(at) : 0);
          to += outStride;
        }
      }
    }
    source += rowStride << 2;
  }
  memory.fill(out + <usize> depth * outStride, 0, <usize> (paddedDepth - depth) * outStride);
}

/** Four rows of `depth` numbers become columns of four. */
function transposeFour<T>(
  out: usize,
  outStride: usize,
  source: usize,
  rowStride: usize,
  depth: i32,
  scale: f32,
): void {
  const factor = splat(scale);
  let k = 0;
  for (; k + 4 <= depth; k += 4) {
    const r0 = f32x4.mul(factor, four<T>(source));
    const r1 = f32x4.mul(factor, four<T>(source + rowStride));
    const r2 = f32x4.mul(factor, four<T>(source + 2 * rowStride));
    const r3 = f32x4.mul(factor, four<T>(source + 3 * rowStride));
    storeTransposed(out, outStride, r0, r1, r2, r3);
    source += 4 * sizeof<T>();
    out += outStride << 2;
  }
  for (; k < depth; k++) {
    for (let lane: usize = 0; lane < 4; lane++) {
      store<f32>(out + (lane << 2), scale * one<T>(source + lane * rowStride));
    }
    source += sizeof<T>();
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
