/**
 * The names of a model's parameters in transformers' class `nanochat`.
 */

const IN_BLOCK: Readonly<Record<string, string>> = {
  "attn.c_q": "self_attn.q_proj",
  "attn.c_k": "self_attn.k_proj",
  "attn.c_v": "self_attn.v_proj",
  "attn.c_proj": "self_attn.o_proj",
  "mlp.c_fc": "mlp.fc1",
  "mlp.c_proj": "mlp.fc2",
};
const OUT_OF_BLOCK: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(IN_BLOCK).map(([ours, theirs]) => [theirs, ours]),
);

/** The class's name of one of nanochat's parameters; undefined where it has no such part. */
export function toClassName(name: string): string | undefined {
  if (name === "transformer.wte.weight") return "model.embed_tokens.weight";
  if (name === "lm_head.weight") return name;
  const [, layer, part] = /^transformer\.h\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
  return part in IN_BLOCK ? `model.layers.${layer}.${IN_BLOCK[part]}.weight` : undefined;
}

/** nanochat's name of one of the class's parameters; undefined where it is none of them. */
export function fromClassName(name: string): string | undefined {
  if (name === "model.embed_tokens.weight") return "transformer.wte.weight";
  if (name === "lm_head.weight") return name;
  const [, layer, part] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
  return part in OUT_OF_BLOCK ? `transformer.h.${layer}.${OUT_OF_BLOCK[part]}.weight` : undefined;
}
