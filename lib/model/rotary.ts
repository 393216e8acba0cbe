/**
 * Tables for rotary position embeddings (Su et al., RoFormer), half-split layout, base 100000.
 *
 * @module
 */
import type { Tensor } from "../device/mod.ts";
import type { Arena } from "./arena.ts";

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

/** The tables of {@link rotaryTables} as tensors of a pass. */
export function rotaryTensors(arena: Arena, T: number, D: number): { cos: Tensor; sin: Tensor } {
  const tables = rotaryTables(T, D);
  const cos = arena.tensor("rotary cos", [T, D / 2]), sin = arena.tensor("rotary sin", [T, D / 2]);
  arena.device.write(cos, tables.cos);
  arena.device.write(sin, tables.sin);
  return { cos, sin };
}
