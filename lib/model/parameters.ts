/**
 * The parameters of a model: their names (nanochat's), shapes and order, and the tensors that hold
 * them on a device.
 *
 * @module
 */
import { MOST_BIGRAM_TOKENS } from "../device/bigram_hash.ts";
import type { Device, DType, Tensor } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import type { ModelConfig } from "../model_config.ts";
import { type ModelParts, NEWEST_PARTS } from "../model_parts.ts";
import { sizeOf } from "../shapes.ts";
import { type ComputeType, keptTypes } from "./compute_type.ts";
import { GradientRows } from "./gradient_rows.ts";
import { bigramRows, hasValueEmbedding, headSize, tableRows } from "./config.ts";

/** Channels of the embedding that the smear gate reads. */
const SMEAR_GATE_CHANNELS = 24;

/** What a parameter is for, which decides its optimizer and where it is counted. */
export type ParameterKind =
  | "lmHead"
  | "wte"
  | "valueEmbeds"
  | "bigramEmbed"
  | "matrix"
  | "scalar";

/** Whether a parameter is a table of embeddings. */
function isTable(kind: ParameterKind): boolean {
  return kind === "wte" || kind === "valueEmbeds" || kind === "bigramEmbed";
}

/** Name, shape and purpose of one parameter. */
export interface ParameterSpec {
  /** nanochat's name, a key of the checkpoint's state dict. */
  name: string;
  /** (out, in) for matrices, (V, C) for tables. */
  shape: number[];
  /** Its purpose. */
  kind: ParameterKind;
}

/** A parameter on a device. */
export interface Parameter extends ParameterSpec {
  /** Its values. */
  value: Tensor;
  /** Where its gradient accumulates; absent in a model made for inference. */
  gradient?: Tensor;
  /** Where each row of a table has its gradient, if that has fewer rows. */
  gradientRows?: GradientRows;
}

/**
 * Refuses shapes that nanochat's model cannot have either, and more bigrams than are hashed here.
 *
 * @throws {UserError} saying which size is wrong, and why.
 */
export function checkModelConfig(config: ModelConfig, parts: ModelParts): void {
  const { nEmbd, nHead, nKvHead } = config, D = headSize(config);
  const { smear, valueGate, bigram } = { ...NEWEST_PARTS, ...parts };
  const channels = Math.max(smear ? SMEAR_GATE_CHANNELS : 0, valueGate?.channels ?? 0);
  if (!Number.isInteger(D) || !Number.isInteger(nHead / nKvHead)) {
    throw new UserError(
      `a model of ${nEmbd} channels, ${nHead} heads and ${nKvHead} key/value heads does not divide ` +
        "evenly: channels must be a multiple of heads, and heads one of key/value heads",
    );
  }
  if (D % 2 !== 0) {
    throw new UserError(
      `a model of ${nEmbd} channels in ${nHead} heads has heads of ${D} numbers, but rotary ` +
        "embeddings halve them: the size of a head must be even",
    );
  }
  if (nEmbd < channels) {
    throw new UserError(
      `a model of ${nEmbd} channels is too narrow: its gates read the first ${channels}`,
    );
  }
  if (bigram && config.vocabSize > MOST_BIGRAM_TOKENS) {
    throw new UserError(
      `a model of ${config.vocabSize} tokens has too many for embeddings of bigrams, whose hash ` +
        `here is of at most ${MOST_BIGRAM_TOKENS}`,
    );
  }
}

/** All parameters of a model, in the order of nanochat's state dict. */
export function parameterSpecs(config: ModelConfig, parts: ModelParts): ParameterSpec[] {
  const { nLayer, nEmbd: C, nHead, nKvHead } = config;
  const { smear, backout, lambdas, bigram, valueGate } = { ...NEWEST_PARTS, ...parts };
  const V = tableRows(config, parts), D = headSize(config);
  const specs: ParameterSpec[] = [];
  const add = (kind: ParameterKind, name: string, ...shape: number[]) =>
    specs.push({ name, shape, kind });
  const layers = Array.from({ length: nLayer }, (_, layer) => layer);
  const gated = valueGate ? layers.filter((layer) => hasValueEmbedding(config, layer)) : [];
  if (lambdas) {
    add("scalar", "resid_lambdas", nLayer);
    add("scalar", "x0_lambdas", nLayer);
  }
  if (bigram) add("scalar", "bigram_lambdas", nLayer);
  if (smear) add("scalar", "smear_lambda", 1);
  if (backout) add("scalar", "backout_lambda", 1);
  add("wte", "transformer.wte.weight", V, C);
  for (const layer of layers) {
    const block = `transformer.h.${layer}`;
    add("matrix", `${block}.attn.c_q.weight`, nHead * D, C);
    add("matrix", `${block}.attn.c_k.weight`, nKvHead * D, C);
    add("matrix", `${block}.attn.c_v.weight`, nKvHead * D, C);
    add("matrix", `${block}.attn.c_proj.weight`, C, nHead * D);
    if (valueGate && gated.includes(layer)) {
      add("matrix", `${block}.attn.ve_gate.weight`, nKvHead, valueGate.channels);
    }
    add("matrix", `${block}.mlp.c_fc.weight`, 4 * C, C);
    add("matrix", `${block}.mlp.c_proj.weight`, C, 4 * C);
  }
  add("lmHead", "lm_head.weight", V, C);
  if (smear) add("scalar", "smear_gate.weight", 1, SMEAR_GATE_CHANNELS);
  if (bigram) add("bigramEmbed", "bigram_embed.embed.weight", bigramRows(config), C);
  for (const layer of gated) {
    add("valueEmbeds", `value_embeds.${layer}.weight`, V, nKvHead * D);
  }
  return specs;
}

/** Parameter counts by purpose, as nanochat reports them. */
export interface ParameterCounts {
  /** Token embedding. */
  wte: number;
  /** Value embeddings. */
  valueEmbeds: number;
  /** Embedding of bigrams, where there is one. */
  bigramEmbed?: number;
  /** Output layer. */
  lmHead: number;
  /** Matrices of the blocks. */
  transformerMatrices: number;
  /** Lambdas and the smear gate. */
  scalars: number;
  /** All together. */
  total: number;
}

/** Counts parameters by purpose. */
export function countParameters(specs: readonly ParameterSpec[]): ParameterCounts {
  const count = (kind: ParameterKind) =>
    specs.filter((spec) => spec.kind === kind).reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
  const bigramEmbed = count("bigramEmbed");
  const counts = {
    wte: count("wte"),
    valueEmbeds: count("valueEmbeds"),
    ...bigramEmbed > 0 ? { bigramEmbed } : {},
    lmHead: count("lmHead"),
    transformerMatrices: count("matrix"),
    scalars: count("scalar"),
  };
  return { ...counts, total: Object.values(counts).reduce((sum, n) => sum + n, 0) };
}

/** How the weights of a model that is not trained are kept on a device. */
export type WeightType = ComputeType;

/** The type of a parameter where weights are kept in `weights`: small ones stay in float32. */
function typeOf({ kind, name }: ParameterSpec, weights: WeightType): DType {
  return kind === "scalar" || name.endsWith(".ve_gate.weight") ? "float32" : weights;
}

/** Which types a model's parameters have. */
export interface ParameterTypes {
  /** Whether it is trained: then matrices are float32. */
  training: boolean;
  /** How the weights are kept, where it is not. */
  weights: WeightType;
  /** In which type it computes. */
  dtype: ComputeType;
  /** Tokens of a step, if gradients of tables are to have no more rows. */
  stepTokens?: number;
}

/** Allocates parameters on a device, zero-filled, with gradients if they are to be trained. */
export function allocateParameters(
  device: Device,
  specs: readonly ParameterSpec[],
  { training, weights, dtype, stepTokens = Infinity }: ParameterTypes,
): Map<string, Parameter> {
  const { tables } = keptTypes(dtype);
  const gradientRows = new Map<string, GradientRows>();
  /** Tables of tokens, and that of bigrams, each have places of their own. */
  const placesOf = ({ kind, shape: [V] }: ParameterSpec) => {
    const name = kind === "bigramEmbed" ? "bigram" : "token";
    const places = gradientRows.get(name) ?? new GradientRows(device, name, V);
    gradientRows.set(name, places);
    return places;
  };
  return new Map(specs.map((spec) => {
    const { name, shape, kind } = spec;
    const type = training ? isTable(kind) ? tables : "float32" : typeOf(spec, weights);
    const parameter: Parameter = { ...spec, value: device.allocate(name, shape, type) };
    if (training) {
      const [rows, ...rest] = shape, isCompact = isTable(kind) && stepTokens < rows;
      if (isCompact) parameter.gradientRows = placesOf(spec);
      const gradientShape = isCompact ? [stepTokens, ...rest] : shape;
      parameter.gradient = device.allocate(`gradient of ${name}`, gradientShape, type);
    }
    return [spec.name, parameter];
  }));
}
