/**
 * Tables for rotary position embeddings (Su et al., RoFormer), half-split layout, base 100000.
 *
 * @module
 */

/** Base of the wavelengths. */
const BASE = 100000;

/**
 * cos and sin of `t · base^(−2j/D)` for t < T, j < D/2, each (T, D/2). Every intermediate is
 * rounded to float32 as PyTorch does it, so that late positions agree with the reference.
 *
 * @param T Number of positions.
 * @param D Head size, even.
 */
export function rotaryTables(T: number, D: number): { cos: Float32Array; sin: Float32Array } {
  const half = D / 2;
  const cos = new Float32Array(T * half), sin = new Float32Array(T * half);
  for (let j = 0; j < half; j++) {
    const frequency = Math.fround(1 / Math.fround(BASE ** Math.fround(2 * j / D)));
    for (let t = 0; t < T; t++) {
      const angle = Math.fround(t * frequency);
      cos[t * half + j] = Math.cos(angle);
      sin[t * half + j] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
