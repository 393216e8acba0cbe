/**
 * The `config.json` of a model: of transformers' class `nanochat` where that computes the same, of
 * the class in `python/` otherwise.
 */
import type { TensorSource } from "../checkpoint/mod.ts";
import { pythonFloat } from "../json.ts";
import type { ModelConfig } from "../model_config.ts";
import type { ModelParts } from "../model_parts.ts";
import type { StoredModel } from "./stored_model.ts";

/** Transformers' own class, which is nanochat of 2025. */
export const CLASS_MODEL_TYPE = "nanochat";
/** The class in `python/`, which has all parts. */
export const OWN_MODEL_TYPE = "nanochat_sft";

/** What a norm adds to the mean square: the smallest step of float32 at 1. */
export const NORM_EPS = 2 ** -23;

/** Whether transformers' class `nanochat` computes what a model computes. */
export function fitsClass(parts: Required<ModelParts>): boolean {
  const { smear, backout, lambdas, bigram, valueGate, qkScale, windows } = parts;
  return !smear && !backout && !lambdas && !bigram && valueGate === null && qkScale === 1 &&
    windows === "none";
}

/** The content of `config.json`, for the tensors as they are written. */
export function hfConfig(
  model: StoredModel,
  tensors: ReadonlyMap<string, TensorSource>,
): Record<string, unknown> {
  const { config, parts, tokenizer, source, files } = model;
  const rows = model.tensors.get("transformer.wte.weight")!.shape[0];
  const ids = stopIds(model);
  const shared = {
    torch_dtype: widestDtype(tensors),
    hidden_size: config.nEmbd,
    intermediate_size: 4 * config.nEmbd,
    num_hidden_layers: config.nLayer,
    num_attention_heads: config.nHead,
    num_key_value_heads: config.nKvHead,
    max_position_embeddings: config.sequenceLen,
    rms_norm_eps: NORM_EPS,
    final_logit_softcapping: pythonFloat(parts.softcap),
    initializer_range: 0.02,
    tie_word_embeddings: false,
    use_cache: true,
    bos_token_id: tokenizer.bosId,
    eos_token_id: ids,
    // The class gives the row of a padding token no gradient; here that is `<|bos|>`, which learns.
    pad_token_id: null,
    nanochat: {
      source,
      tag: files.tag,
      step: files.step,
      vocab_size: config.vocabSize,
      meta: model.meta,
    },
  };
  return fitsClass(parts)
    ? {
      architectures: ["NanoChatForCausalLM"],
      model_type: CLASS_MODEL_TYPE,
      vocab_size: rows,
      hidden_act: "relu2",
      attention_bias: false,
      attention_dropout: pythonFloat(0),
      rope_parameters: { rope_type: "default", rope_theta: pythonFloat(parts.rotaryBase) },
      ...shared,
    }
    : {
      architectures: ["NanochatSftForCausalLM"],
      model_type: OWN_MODEL_TYPE,
      auto_map: {
        AutoConfig: "configuration_nanochat.NanochatSftConfig",
        AutoModelForCausalLM: "modeling_nanochat.NanochatSftForCausalLM",
      },
      vocab_size: config.vocabSize,
      padded_vocab_size: rows,
      ...ownParts(config, parts),
      ...shared,
    };
}

/** A model's parts as the class in `python/` is told them. */
function ownParts(config: ModelConfig, parts: Required<ModelParts>): Record<string, unknown> {
  return {
    rotary_base: pythonFloat(parts.rotaryBase),
    rotary_rounding: parts.rotaryRounding,
    qk_scale: pythonFloat(parts.qkScale),
    window_pattern: config.windowPattern,
    window_rule: parts.windows,
    lambdas: parts.lambdas,
    value_gate_channels: parts.valueGate?.channels ?? null,
    value_gate_scale: pythonFloat(parts.valueGate?.scale ?? 1),
    bigram: parts.bigram,
    smear: parts.smear,
    backout: parts.backout,
  };
}

/** The tokens that end an answer, as in nanochat's engine. */
function stopIds({ tokenizer }: StoredModel): number[] {
  return [tokenizer.encodeSpecial("<|assistant_end|>"), tokenizer.bosId];
}

/** The narrowest type that holds every tensor: what a loader makes of all of them. */
function widestDtype(tensors: ReadonlyMap<string, TensorSource>): string {
  const dtypes = new Set(tensors.values().map(({ dtype }) => dtype));
  return dtypes.size === 1 ? [...dtypes][0] : "float32";
}

/** The content of `generation_config.json`: how nanochat's chat samples. */
export function generationConfig(model: StoredModel): Record<string, unknown> {
  const { config, parts, tokenizer } = model;
  const rows = model.tensors.get("transformer.wte.weight")!.shape[0];
  const padding = Array.from({ length: rows - config.vocabSize }, (_, i) => config.vocabSize + i);
  return {
    bos_token_id: tokenizer.bosId,
    eos_token_id: stopIds(model),
    pad_token_id: tokenizer.bosId,
    do_sample: true,
    temperature: 0.6,
    top_k: 50,
    max_new_tokens: 256,
    // The class has logits for the padding of the tables too, which are no tokens.
    ...fitsClass(parts) && padding.length > 0 ? { suppress_tokens: padding } : {},
  };
}
