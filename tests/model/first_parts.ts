/** What nanochat computed at first, in October 2025. */
import type { ModelParts } from "../../lib/model/mod.ts";

/** Its parts and constants. */
export const FIRST: ModelParts = {
  smear: false,
  backout: false,
  lambdas: false,
  valueGate: null,
  rotaryBase: 10000,
  rotaryRounding: "bfloat16",
  qkScale: 1,
  windows: "none",
};
