/**
 * What a model computes, beyond its sizes. nanochat has changed that ten times, and its files do
 * not say it: `lib/checkpoint/era.ts` finds it from them, the model asks for it part by part.
 *
 * @module
 */

/** The gate of value embeddings: `scale · sigmoid(gate · x[0:channels])`. */
export interface ValueGate {
  /** Channels of a block's normalised input that the gate reads. */
  channels: number;
  /** What the sigmoid is multiplied by. */
  scale: number;
}

/** Parts that a model has or lacks, and its constants. What is not given is as in the newest. */
export interface ModelParts {
  /** Each token's embedding takes in a gated share of the one before. */
  smear: boolean;
  /** A share of the middle layer's residual stream is taken out at the end. */
  backout: boolean;
  /** Before each block, `x = resid_lambdas[i] · x + x0_lambdas[i] · x0`. */
  lambdas?: boolean;
  /** Each block also takes in `bigram_lambdas[i]` times an embedding of the last two tokens. */
  bigram?: boolean;
  /** The gate of value embeddings, or null where there are none. */
  valueGate?: ValueGate | null;
  /** Base of the rotary wavelengths. */
  rotaryBase?: number;
  /** What the rotary tables are rounded to. */
  rotaryRounding?: "float32" | "bfloat16";
  /** What queries and keys are multiplied by after their norm. */
  qkScale?: number;
  /** Logits are capped softly: `softcap · tanh(logits / softcap)`. */
  softcap?: number;
  /**
   * How far `S` in the window pattern looks back: a quarter or a third of the sequence length
   * rounded up to 128 tokens, or half of it. `none`: no layer has a window, not even at the
   * sequence length.
   */
  windows?: "quarter" | "third" | "half" | "none";
  /** Whether token tables have rows beyond the vocabulary, up to a multiple of 64. */
  paddedTables?: boolean;
}

/** The newest nanochat's parts (since March 2026). */
export const NEWEST_PARTS: Readonly<Required<ModelParts>> = {
  smear: true,
  backout: true,
  lambdas: true,
  bigram: false,
  valueGate: { channels: 12, scale: 3 },
  rotaryBase: 100000,
  rotaryRounding: "float32",
  qkScale: 1.2,
  softcap: 15,
  windows: "quarter",
  paddedTables: true,
};
