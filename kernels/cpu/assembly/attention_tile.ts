/**
 * The inner loop of attention: an 8×16 tile of operands at any stride, so that probabilities are
 * multiplied where they were computed. Products of large matrices, which are packed, have the
 * faster tile of `matmul_tile.ts`.
 */
import { fma } from "./simd";

/**
 * out[8×16] = Σ_k a[k·aStride + i] · b[k·bStride + j] + initial[8×16] (0 where `initial` is null).
 * Strides are in bytes; `depth`, the number of terms, is even.
 */
export function multiplyTile(
  a: usize,
  aStride: usize,
  b: usize,
  bStride: usize,
  depth: i32,
  initial: usize,
  initialStride: usize,
  out: usize,
  outStride: usize,
): void {
  let c00 = f32x4.splat(0),
    c01 = c00,
    c02 = c00,
    c03 = c00,
    c10 = c00,
    c11 = c00,
    c12 = c00,
    c13 = c00,
    c20 = c00,
    c21 = c00,
    c22 = c00,
    c23 = c00,
    c30 = c00,
    c31 = c00,
    c32 = c00,
    c33 = c00,
    c40 = c00,
    c41 = c00,
    c42 = c00,
    c43 = c00,
    c50 = c00,
    c51 = c00,
    c52 = c00,
    c53 = c00,
    c60 = c00,
    c61 = c00,
    c62 = c00,
    c63 = c00,
    c70 = c00,
    c71 = c00,
    c72 = c00,
    c73 = c00;
  if (initial) {
    c00 = v128.load(initial, 0);
    c01 = v128.load(initial, 16);
    c02 = v128.load(initial, 32);
    c03 = v128.load(initial, 48);
    initial += initialStride;
    c10 = v128.load(initial, 0);
    c11 = v128.load(initial, 16);
    c12 = v128.load(initial, 32);
    c13 = v128.load(initial, 48);
    initial += initialStride;
    c20 = v128.load(initial, 0);
    c21 = v128.load(initial, 16);
    c22 = v128.load(initial, 32);
    c23 = v128.load(initial, 48);
    initial += initialStride;
    c30 = v128.load(initial, 0);
    c31 = v128.load(initial, 16);
    c32 = v128.load(initial, 32);
    c33 = v128.load(initial, 48);
    initial += initialStride;
    c40 = v128.load(initial, 0);
    c41 = v128.load(initial, 16);
    c42 = v128.load(initial, 32);
    c43 = v128.load(initial, 48);
    initial += initialStride;
    c50 = v128.load(initial, 0);
    c51 = v128.load(initial, 16);
    c52 = v128.load(initial, 32);
    c53 = v128.load(initial, 48);
    initial += initialStride;
    c60 = v128.load(initial, 0);
    c61 = v128.load(initial, 16);
    c62 = v128.load(initial, 32);
    c63 = v128.load(initial, 48);
    initial += initialStride;
    c70 = v128.load(initial, 0);
    c71 = v128.load(initial, 16);
    c72 = v128.load(initial, 32);
    c73 = v128.load(initial, 48);
  }
  for (; depth > 0; depth -= 2) {
    let b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    let x: v128;
    x = v128.load32_splat(a, 0);
    c00 = fma(x, b0, c00), c01 = fma(x, b1, c01), c02 = fma(x, b2, c02), c03 = fma(x, b3, c03);
    x = v128.load32_splat(a, 4);
    c10 = fma(x, b0, c10), c11 = fma(x, b1, c11), c12 = fma(x, b2, c12), c13 = fma(x, b3, c13);
    x = v128.load32_splat(a, 8);
    c20 = fma(x, b0, c20), c21 = fma(x, b1, c21), c22 = fma(x, b2, c22), c23 = fma(x, b3, c23);
    x = v128.load32_splat(a, 12);
    c30 = fma(x, b0, c30), c31 = fma(x, b1, c31), c32 = fma(x, b2, c32), c33 = fma(x, b3, c33);
    x = v128.load32_splat(a, 16);
    c40 = fma(x, b0, c40), c41 = fma(x, b1, c41), c42 = fma(x, b2, c42), c43 = fma(x, b3, c43);
    x = v128.load32_splat(a, 20);
    c50 = fma(x, b0, c50), c51 = fma(x, b1, c51), c52 = fma(x, b2, c52), c53 = fma(x, b3, c53);
    x = v128.load32_splat(a, 24);
    c60 = fma(x, b0, c60), c61 = fma(x, b1, c61), c62 = fma(x, b2, c62), c63 = fma(x, b3, c63);
    x = v128.load32_splat(a, 28);
    c70 = fma(x, b0, c70), c71 = fma(x, b1, c71), c72 = fma(x, b2, c72), c73 = fma(x, b3, c73);
    a += aStride, b += bStride;
    b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    x = v128.load32_splat(a, 0);
    c00 = fma(x, b0, c00), c01 = fma(x, b1, c01), c02 = fma(x, b2, c02), c03 = fma(x, b3, c03);
    x = v128.load32_splat(a, 4);
    c10 = fma(x, b0, c10), c11 = fma(x, b1, c11), c12 = fma(x, b2, c12), c13 = fma(x, b3, c13);
    x = v128.load32_splat(a, 8);
    c20 = fma(x, b0, c20), c21 = fma(x, b1, c21), c22 = fma(x, b2, c22), c23 = fma(x, b3, c23);
    x = v128.load32_splat(a, 12);
    c30 = fma(x, b0, c30), c31 = fma(x, b1, c31), c32 = fma(x, b2, c32), c33 = fma(x, b3, c33);
    x = v128.load32_splat(a, 16);
    c40 = fma(x, b0, c40), c41 = fma(x, b1, c41), c42 = fma(x, b2, c42), c43 = fma(x, b3, c43);
    x = v128.load32_splat(a, 20);
    c50 = fma(x, b0, c50), c51 = fma(x, b1, c51), c52 = fma(x, b2, c52), c53 = fma(x, b3, c53);
    x = v128.load32_splat(a, 24);
    c60 = fma(x, b0, c60), c61 = fma(x, b1, c61), c62 = fma(x, b2, c62), c63 = fma(x, b3, c63);
    x = v128.load32_splat(a, 28);
    c70 = fma(x, b0, c70), c71 = fma(x, b1, c71), c72 = fma(x, b2, c72), c73 = fma(x, b3, c73);
    a += aStride, b += bStride;
  }
  v128.store(out, c00, 0);
  v128.store(out, c01, 16);
  v128.store(out, c02, 32);
  v128.store(out, c03, 48);
  out += outStride;
  v128.store(out, c10, 0);
  v128.store(out, c11, 16);
  v128.store(out, c12, 32);
  v128.store(out, c13, 48);
  out += outStride;
  v128.store(out, c20, 0);
  v128.store(out, c21, 16);
  v128.store(out, c22, 32);
  v128.store(out, c23, 48);
  out += outStride;
  v128.store(out, c30, 0);
  v128.store(out, c31, 16);
  v128.store(out, c32, 32);
  v128.store(out, c33, 48);
  out += outStride;
  v128.store(out, c40, 0);
  v128.store(out, c41, 16);
  v128.store(out, c42, 32);
  v128.store(out, c43, 48);
  out += outStride;
  v128.store(out, c50, 0);
  v128.store(out, c51, 16);
  v128.store(out, c52, 32);
  v128.store(out, c53, 48);
  out += outStride;
  v128.store(out, c60, 0);
  v128.store(out, c61, 16);
  v128.store(out, c62, 32);
  v128.store(out, c63, 48);
  out += outStride;
  v128.store(out, c70, 0);
  v128.store(out, c71, 16);
  v128.store(out, c72, 32);
  v128.store(out, c73, 48);
}
