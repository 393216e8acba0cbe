/**
 * What a model computes, out of the `config.json` of transformers' class `nanochat` or of the class
 * in `python/`. What nanochat computes otherwise is refused.
 */
import {
  CHECKPOINT_FOLDERS,
  type CheckpointMeta,
  type CheckpointSource,
  isModelTag,
  parseMeta,
} from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { formatJson } from "../json.ts";
import type { ModelConfig } from "../model_config.ts";
import type { ModelParts } from "../model_parts.ts";
import { CLASS_MODEL_TYPE, NORM_EPS, OWN_MODEL_TYPE } from "./hf_config.ts";

/** What a `config.json` says. */
export interface HfModel {
  /** Whether it is of transformers' class, whose names of parameters are others. */
  isClass: boolean;
  /** The model's shape. */
  config: ModelConfig;
  /** What it computes. */
  parts: Required<ModelParts>;
  /** The meta file that nanochat is given. */
  meta: Record<string, unknown>;
  /** Where it comes from, where that is said. */
  origin: { source?: CheckpointSource; tag?: string; step: number };
  /** What a person should know. */
  notes: string[];
}

type Json = Record<string, unknown>;

/**
 * Reads a configuration.
 *
 * @param raw The file as parsed.
 * @param path What error messages call it.
 * @param tokens Tokens of the tokenizer beside it.
 * @throws {UserError} naming the key, for a model that nanochat does not have.
 */
export function readHfConfig(raw: unknown, path: string, tokens: number): HfModel {
  const json = Object(raw) as Json;
  const isClass = checkModelType(raw, path) === CLASS_MODEL_TYPE;
  const notes: string[] = [];
  const C = size(json, "hidden_size", path), heads = size(json, "num_attention_heads", path);
  const wanted = wantedValues(json, C, heads, isClass);
  for (const [key, value] of Object.entries(wanted)) {
    if (json[key] === undefined || json[key] === null || json[key] === value) continue;
    throw new UserError(
      `${path}: says ${key} ${JSON.stringify(json[key])}, and nanochat computes with ` +
        `${JSON.stringify(value)}`,
    );
  }
  checkEps(json, path, isClass, notes);
  const origin = Object(json.nanochat) as Json;
  const rows = size(json, isClass ? "vocab_size" : "padded_vocab_size", path);
  const vocabSize = isClass ? Number(origin.vocab_size ?? tokens) : size(json, "vocab_size", path);
  if (vocabSize !== tokens) {
    throw new UserError(
      `${path}: is of ${vocabSize} tokens, and the tokenizer beside it has ${tokens}`,
    );
  }
  if (rows !== vocabSize && rows !== Math.ceil(vocabSize / 64) * 64) {
    throw new UserError(
      `${path}: says tables of ${rows} rows; nanochat's of ${vocabSize} tokens have as many, or ` +
        "up to a multiple of 64",
    );
  }
  const parts = isClass ? classParts(json, path) : ownParts(json, path);
  parts.paddedTables = rows !== vocabSize || rows % 64 === 0;
  const numbers: Json = {
    sequence_len: size(json, "max_position_embeddings", path),
    vocab_size: vocabSize,
    n_layer: size(json, "num_hidden_layers", path),
    n_head: heads,
    n_kv_head: json.num_key_value_heads ?? heads,
    n_embd: C,
    ...parts.windows === "none" ? {} : { window_pattern: json.window_pattern },
  };
  const step = Number.isSafeInteger(origin.step) ? Number(origin.step) : 0;
  const said = parseMeta(formatJson({ step, model_config: numbers }), path);
  return {
    isClass,
    config: said.modelConfig,
    parts,
    meta: metaFor(origin, said, path),
    origin: {
      source: isSource(origin.source) ? origin.source : undefined,
      tag: typeof origin.tag === "string" && isModelTag(origin.tag) ? origin.tag : undefined,
      step,
    },
    notes,
  };
}

/**
 * Which class a configuration is of.
 *
 * @throws {UserError} if it is of another model than nanochat's.
 */
export function checkModelType(raw: unknown, path: string): string {
  const { model_type: type } = Object(raw) as Json;
  if (type === CLASS_MODEL_TYPE || type === OWN_MODEL_TYPE) return type;
  throw new UserError(
    `${path}: is of a model of type ${JSON.stringify(type) ?? "none"}; nanochat's are ` +
      `"${CLASS_MODEL_TYPE}" and "${OWN_MODEL_TYPE}"`,
  );
}

/** Keys whose values nanochat does not vary; where one is missing, both classes have this value. */
function wantedValues(json: Json, C: number, heads: number, isClass: boolean): Json {
  return {
    intermediate_size: 4 * C,
    head_dim: C / heads,
    tie_word_embeddings: false,
    ...isClass ? { hidden_act: "relu2", attention_bias: false, qkv_bias: false } : {},
    ...json.attention_dropout === undefined ? {} : { attention_dropout: 0 },
  };
}

/** The meta file: the one that was exported, or one of what the configuration says. */
function metaFor(origin: Json, said: CheckpointMeta, path: string): Json {
  const { meta } = origin;
  if (meta === undefined) return { ...said.raw };
  const stored = parseMeta(formatJson({ ...Object(meta), step: said.step }), path);
  const of = (config: ModelConfig) => JSON.stringify(Object.entries(config).sort());
  if (of(stored.modelConfig) !== of(said.modelConfig)) {
    throw new UserError(`${path}: its sizes and those of nanochat's meta file in it differ`);
  }
  return meta as Json;
}

function isSource(value: unknown): value is CheckpointSource {
  return typeof value === "string" && Object.hasOwn(CHECKPOINT_FOLDERS, value);
}

function size(json: Json, key: string, path: string): number {
  const value = json[key];
  if (Number.isSafeInteger(value) && Number(value) >= 1) return Number(value);
  throw new UserError(
    `${path}: "${key}" must be a whole number from 1 up, but is ${JSON.stringify(value)}`,
  );
}

function number(json: Json, key: string, path: string, otherwise?: number): number {
  const value = json[key] ?? otherwise;
  if (typeof value === "number" && value > 0) return value;
  throw new UserError(
    `${path}: "${key}" must be a number above 0, but is ${JSON.stringify(value)}`,
  );
}

/** The eps of transformers' default makes a difference that is said; another is another model. */
function checkEps(json: Json, path: string, isClass: boolean, notes: string[]): void {
  const eps = number(json, "rms_norm_eps", path, isClass ? 1e-6 : NORM_EPS);
  if (eps === NORM_EPS) return;
  if (eps !== 1e-6) {
    throw new UserError(
      `${path}: says rms_norm_eps ${eps}, and nanochat computes with ${NORM_EPS}`,
    );
  }
  notes.push(
    `${path} says rms_norm_eps 1e-6; nanochat computes with ${NORM_EPS}, which differs where ` +
      "activations are small",
  );
}

/** What the class `nanochat` computes. */
function classParts(json: Json, path: string): Required<ModelParts> {
  const rope = Object(json.rope_parameters ?? json.rope_scaling ?? {}) as Json;
  const kind = rope.rope_type ?? "default";
  if (kind !== "default") {
    throw new UserError(`${path}: says rotary embeddings of type ${JSON.stringify(kind)}`);
  }
  const softcap = "final_logit_softcapping" in json ? "final_logit_softcapping" : "logits_soft_cap";
  return {
    smear: false,
    backout: false,
    lambdas: false,
    bigram: false,
    valueGate: null,
    rotaryBase: number({ ...json, ...rope }, "rope_theta", path, 10000),
    rotaryRounding: "bfloat16",
    qkScale: 1,
    softcap: json[softcap] === null ? Infinity : number(json, softcap, path, 15),
    windows: "none",
    paddedTables: true,
  };
}

/** What the class in `python/` is told. */
function ownParts(json: Json, path: string): Required<ModelParts> {
  const flag = (key: string) => {
    const value = json[key];
    if (typeof value === "boolean") return value;
    throw new UserError(`${path}: "${key}" must be true or false`);
  };
  const word = <Word extends string>(key: string, ...words: Word[]) => {
    const value = words.find((word) => word === json[key]);
    if (value !== undefined) return value;
    throw new UserError(`${path}: "${key}" must be one of ${words.join(", ")}`);
  };
  return {
    smear: flag("smear"),
    backout: flag("backout"),
    lambdas: flag("lambdas"),
    bigram: flag("bigram"),
    valueGate: json.value_gate_channels === null ? null : {
      channels: size(json, "value_gate_channels", path),
      scale: number(json, "value_gate_scale", path),
    },
    rotaryBase: number(json, "rotary_base", path),
    rotaryRounding: word("rotary_rounding", "float32", "bfloat16"),
    qkScale: number(json, "qk_scale", path),
    softcap: number(json, "final_logit_softcapping", path),
    windows: word("window_rule", "quarter", "third", "half", "none"),
    paddedTables: true,
  };
}
