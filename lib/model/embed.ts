/**
 * What comes before the first block: embeddings of the tokens, normalised, then smeared.
 *
 * @module
 */
import type { Tensor } from "../device/mod.ts";
import type { GPT } from "./gpt.ts";

/** normed (N, C) = the normalised embeddings of ids (N), by way of `embedded` (N, C). */
export function embed(model: GPT, ids: Tensor, embedded: Tensor, normed: Tensor): void {
  const table = model.value("transformer.wte.weight");
  model.device.embedding({ out: embedded, table, ids });
  model.device.rmsNorm({ out: normed, x: embedded });
}

/**
 * out = x (B, T, C) smeared, or just x where the model has no smear; the row before the first is
 * `previous` (B, C) if given.
 */
export function smear(model: GPT, out: Tensor, x: Tensor, previous?: Tensor): void {
  if (model.has("smear_lambda")) {
    const gate = model.value("smear_gate.weight"), lambda = model.value("smear_lambda");
    model.device.smear({ out, x, gate, lambda, previous });
  } else model.device.copy({ out, x });
}
