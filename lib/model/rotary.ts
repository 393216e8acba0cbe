/**
 * Tables for rotary position embeddings (Su et al., RoFormer), half-split layout.
 *
 * @module
 */
import { bfloat16ToFloat32, float32ToBfloat16 } from "../bfloat16.ts";
import type { Tensor } from "../device/mod.ts";
import { type ModelParts, NEWEST_PARTS } from "../model_parts.ts";
import type { Arena } from "./arena.ts";
import { headSize } from "./config.ts";
import type { GPT } from "./gpt.ts";

/** What tables are made of, see {@link ModelParts}. */
export type RotaryParts = Pick<ModelParts, "rotaryBase" | "rotaryRounding">;

/**
 * cos and sin of `t · base^(−2j/D)` for t < T, j < D/2, each (T, D/2). Every intermediate is
 * rounded to float32 as PyTorch does it, so that late positions agree with the reference; at last
 * the tables are, to what the model's own code kept them in.
 *
 * @param T Number of positions.
 * @param D Head size, even.
 * @param parts The base and the rounding; the newest's unless given.
 */
export function rotaryTables(
  T: number,
  D: number,
  parts: RotaryParts = {},
): { cos: Float32Array; sin: Float32Array } {
  const { rotaryBase, rotaryRounding } = { ...NEWEST_PARTS, ...parts };
  const half = D / 2;
  const cos = new Float32Array(T * half), sin = new Float32Array(T * half);
  for (let j = 0; j < half; j++) {
    const frequency = Math.fround(1 / Math.fround(rotaryBase ** Math.fround(2 * j / D)));
    for (let t = 0; t < T; t++) {
      const angle = Math.fround(t * frequency);
      cos[t * half + j] = Math.cos(angle);
      sin[t * half + j] = Math.sin(angle);
    }
  }
  if (rotaryRounding === "float32") return { cos, sin };
  const [roundedCos, roundedSin] = [cos, sin].map(float32ToBfloat16).map(bfloat16ToFloat32);
  return { cos: roundedCos, sin: roundedSin };
}

/** The tables of {@link rotaryTables} as tensors of a pass over T positions. */
export function rotaryTensors(model: GPT, arena: Arena, T: number): { cos: Tensor; sin: Tensor } {
  const D = headSize(model.config);
  const tables = rotaryTables(T, D, model.parts);
  const cos = arena.tensor("rotary cos", [T, D / 2]), sin = arena.tensor("rotary sin", [T, D / 2]);
  arena.device.write(cos, tables.cos);
  arena.device.write(sin, tables.sin);
  return { cos, sin };
}
