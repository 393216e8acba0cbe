/**
 * Sizes that follow from the shape of a nanochat GPT.
 *
 * @module
 */
import type { ModelConfig } from "../model_config.ts";
import { type ModelParts, NEWEST_PARTS } from "../model_parts.ts";

/** Which windows a model has. */
export type Windows = NonNullable<ModelParts["windows"]>;

/** Size of one head: `nEmbd / nHead`. */
export function headSize(config: ModelConfig): number {
  return config.nEmbd / config.nHead;
}

/** Rows of the token tables: `vocabSize` rounded up to a multiple of 64. */
export function paddedVocabSize(config: ModelConfig): number {
  return Math.ceil(config.vocabSize / 64) * 64;
}

/** Rows of a model's token tables: padded, or as many as there are tokens. */
export function tableRows(
  config: ModelConfig,
  { paddedTables = NEWEST_PARTS.paddedTables }: Pick<ModelParts, "paddedTables">,
): number {
  return paddedTables ? paddedVocabSize(config) : config.vocabSize;
}

/** Rows of the table of bigrams; the last is for a row's first token. */
export function bigramRows(config: ModelConfig): number {
  return 5 * config.vocabSize;
}

/** Whether a layer's values get a gated embedding of the token: every second, and the last. */
export function hasValueEmbedding(config: ModelConfig, layer: number): boolean {
  return layer % 2 === (config.nLayer - 1) % 2;
}

/** The layer after which the residual stream is remembered for backout. */
export function backoutLayer(config: ModelConfig): number {
  return Math.floor(config.nLayer / 2);
}

/** How many tokens `S` looks back. */
function shortWindow(sequenceLen: number, windows: Windows): number {
  if (windows === "half") return Math.floor(sequenceLen / 2);
  return Math.ceil(sequenceLen / (windows === "third" ? 3 : 4) / 128) * 128;
}

/**
 * How many earlier tokens each layer's attention sees: the whole sequence for `L`, a part of it
 * for `S`. The last layer always sees the whole.
 *
 * @param windows How long `S` is, see {@link ModelParts}; for `none` all layers see any length,
 * Infinity.
 *
 * @example
 * ```ts
 * import { windowSizes } from "@nanochat/sft/model";
 * import { assertEquals } from "@std/assert";
 * const config = { sequenceLen: 2048, vocabSize: 32768, nLayer: 4, nHead: 2, nKvHead: 2,
 *   nEmbd: 256, windowPattern: "SSSL" };
 * assertEquals(windowSizes(config), [512, 512, 512, 2048]);
 * ```
 */
export function windowSizes(
  config: ModelConfig,
  windows: Windows = NEWEST_PARTS.windows,
): number[] {
  const { sequenceLen, nLayer, windowPattern } = config;
  if (windows === "none") return new Array<number>(nLayer).fill(Infinity);
  const short = shortWindow(sequenceLen, windows);
  return Array.from({ length: nLayer }, (_, layer) => {
    const letter = windowPattern[layer % windowPattern.length].toUpperCase();
    return letter === "S" && layer < nLayer - 1 ? short : sequenceLen;
  });
}

/**
 * Floating-point operations of one training token, forward and backward: 6 per parameter of a
 * matrix product, and 12·H·D per key that attention sees (PaLM's count, Chowdhery et al., app. B).
 *
 * @param matmulParameters Number of parameters that take part in matrix products.
 * @param windows See {@link windowSizes}.
 */
export function flopsPerToken(
  config: ModelConfig,
  matmulParameters: number,
  windows: Windows = NEWEST_PARTS.windows,
): number {
  const attention = windowSizes(config, windows).reduce(
    (sum, window) => sum + 12 * config.nEmbd * Math.min(window, config.sequenceLen),
    0,
  );
  return 6 * matmulParameters + attention;
}
