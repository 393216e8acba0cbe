/**
 * What comes before the first block: embeddings of the tokens, normalised, then smeared; those of
 * bigrams.
 *
 * @module
 */
import type { Tensor } from "../device/mod.ts";
import type { GPT } from "./gpt.ts";

/** The table of bigrams' embeddings. */
export const BIGRAM_TABLE = "bigram_embed.embed.weight";

/**
 * normed (N, C) = the normalised embeddings of ids (N), by way of `embedded` (N, C), both in float32.
 */
export function embed(model: GPT, ids: Tensor, embedded: Tensor, normed: Tensor): void {
  const table = model.value("transformer.wte.weight");
  model.device.embedding({ out: embedded, table, ids });
  model.device.rmsNorm({ out: normed, x: embedded });
}

/**
 * out = x (B, T, C) smeared, or just x where the model has no smear; the row before the first is
 * `previous` (B, C) if given, and there is none before a conversation that begins at `starts`
 * (B, T).
 */
export function smear(
  model: GPT,
  out: Tensor,
  x: Tensor,
  { previous, starts }: { previous?: Tensor; starts?: Tensor },
): void {
  if (model.parts.smear) {
    const gate = model.value("smear_gate.weight"), lambda = model.value("smear_lambda");
    model.device.smear({ out, x, gate, lambda, previous, starts });
  } else model.device.copy({ out, x });
}

/** out (N, C) = the embeddings of bigrams, whose ids (N) are hashes of two tokens. */
export function embedBigrams(model: GPT, ids: Tensor, out: Tensor): void {
  model.device.embedding({ out, table: model.value(BIGRAM_TABLE), ids });
}
