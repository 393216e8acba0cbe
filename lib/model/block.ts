/**
 * One block, forward and backward:
 *
 *     x = mix(x)                                 see mix.ts
 *     x = x + c_proj(attention(norm(x)))
 *     x = x + c_proj(relu(c_fc(norm(x)))²)
 *
 * Norms and mixed inputs are computed again in the backward pass: they are cheap beside the
 * products and would cost two more activations of (N, C) per layer.
 *
 * @module
 */
import type { MatmulArgs, Tensor, TokenGroups } from "../device/mod.ts";
import { hasValueEmbedding } from "./config.ts";
import type { GPT } from "./gpt.ts";
import { mixBackward, type MixedIn, mixNorm } from "./mix.ts";

/** What the forward pass of a block computes with. */
export interface BlockValues {
  /** (B, T, C) The block's input, in float32. */
  x: Tensor;
  /** (B, T, H, D) Queries, rotated and normalised. */
  q: Tensor;
  /** (B, T, Hkv, D) Keys, rotated and normalised. */
  k: Tensor;
  /** (B, T, Hkv, D) Values with their embedding. */
  v: Tensor;
  /** (B, T, H, D) Attention's output. */
  attended: Tensor;
  /** (B, T, C) The residual stream after attention, in float32. */
  middle: Tensor;
  /** (B, T, 4C) relu². */
  hidden: Tensor;
}

/** What it leaves for the backward pass. */
export interface BlockActivations extends BlockValues {
  /** (N, H) 1/rms of the raw queries. */
  qRstd: Tensor;
  /** (N, Hkv) 1/rms of the raw keys. */
  kRstd: Tensor;
  /** (B, H, T) log-sum-exp of attention's scores. */
  lse: Tensor;
}

/** What all blocks of a pass read. */
export interface BlockInputs extends MixedIn {
  /** int32 (N) Tokens. */
  ids: Tensor;
}

/** Memory that blocks use one after the other. */
export interface BlockScratch {
  /** (B, T, C) The mixed input, in float32. */
  mixed: Tensor;
  /** (B, T, C) Its norm, later that of the middle; of the activations' type. */
  normed: Tensor;
}

/** What their backward passes read besides. */
export interface BackwardInputs extends BlockInputs {
  /** The rows grouped by token. */
  groups: TokenGroups;
  /** (T, D/2) Rotary table. */
  cos: Tensor;
  /** (T, D/2) Rotary table. */
  sin: Tensor;
  /** int32 (B, T) Where conversations begin, where they are isolated. */
  starts?: Tensor;
}

/** Further memory for the backward pass. */
export interface BlockGradients {
  /** (B, T, C) Gradient of a norm's output. */
  dNormed: Tensor;
  /** (B, T, H, D) Gradient of attention's output. */
  dAttended: Tensor;
  /** (B, T, H, D) */
  dq: Tensor;
  /** (B, T, Hkv, D) */
  dk: Tensor;
  /** (B, T, Hkv, D) */
  dv: Tensor;
  /** (B, H, T) */
  delta: Tensor;
  /** (B, T, 4C) */
  dHidden: Tensor;
}

/** A product in the types of a model. */
function multiply(model: GPT, args: MatmulArgs): void {
  model.device.matmul({ ...args, operands: model.kept.operands });
}

/** Products of q, k and v in the types of a model. */
function multiplyEach(
  model: GPT,
  products: readonly MatmulArgs[],
): void {
  const { operands } = model.kept;
  model.device.matmulGroup({ products: products.map((args) => ({ ...args, operands })) });
}

/**
 * Runs a block: reads `act.x`, writes the other activations and `out` (which may be `act.x`).
 *
 * @param out (B, T, C) Not computed where it is left out, as when only activations are wanted again.
 * @param attend Computes `act.attended` from the raw `act.q`, `act.k`, `act.v`, after rotating and
 * normalising the first two: over the batch itself, or over a cache.
 */
export function forwardBlock(
  model: GPT,
  layer: number,
  inputs: BlockInputs,
  act: BlockValues,
  scratch: BlockScratch,
  out: Tensor | undefined,
  attend: () => void,
): void {
  const { device, config, parts: { valueGate } } = model;
  const { ids } = inputs;
  const { normed } = scratch;
  const weight = (name: string) => model.value(`transformer.h.${layer}.${name}.weight`);
  const mixed = mixNorm(model, layer, act.x, inputs, scratch.mixed, normed);

  multiplyEach(model, [
    { out: act.q, a: normed, b: weight("attn.c_q"), layout: "nt" },
    { out: act.k, a: normed, b: weight("attn.c_k"), layout: "nt" },
    { out: act.v, a: normed, b: weight("attn.c_v"), layout: "nt" },
  ]);
  if (valueGate && hasValueEmbedding(config, layer)) {
    const table = model.value(`value_embeds.${layer}.weight`), gate = weight("attn.ve_gate");
    const { scale } = valueGate;
    device.addValueEmbedding({ v: act.v, table, ids, x: normed, gate, scale });
  }
  attend();
  const toMiddle = { out: act.middle, a: act.attended, b: weight("attn.c_proj"), c: mixed };
  multiply(model, { ...toMiddle, layout: "nt", beta: 1 });

  device.rmsNorm({ out: normed, x: act.middle });
  const toHidden = { out: act.hidden, a: normed, b: weight("mlp.c_fc") };
  multiply(model, { ...toHidden, layout: "nt", epilogue: { kind: "reluSquare" } });
  if (!out) return;
  const toOut = { out, a: act.hidden, b: weight("mlp.c_proj"), c: act.middle };
  multiply(model, { ...toOut, layout: "nt", beta: 1 });
}

/**
 * The backward pass of a block. `dx` (B, T, C) holds the gradient of its output and is turned into
 * that of its input; those of what is mixed into it and of the parameters are added to.
 */
export function backwardBlock(
  model: GPT,
  layer: number,
  inputs: BackwardInputs,
  act: BlockActivations,
  scratch: BlockScratch & BlockGradients,
  window: number,
  dx: Tensor,
  dMixedIn: MixedIn,
): void {
  const { device, config, parts: { valueGate, qkScale } } = model;
  const { ids, groups, cos, sin, starts } = inputs;
  const { normed, dNormed, dAttended, dq, dk, dv, delta, dHidden } = scratch;
  const name = (short: string) => `transformer.h.${layer}.${short}.weight`;
  /** dW += doutᵀ·x, and dIn = dout·W. */
  const linearBackward = (short: string, dout: Tensor, x: Tensor, dIn: Tensor) => {
    multiply(model, { out: model.gradient(name(short)), a: dout, b: x, layout: "tn", beta: 1 });
    multiply(model, { out: dIn, a: dout, b: model.value(name(short)), layout: "nn" });
  };

  const hidden = act.hidden, proj = name("mlp.c_proj");
  multiply(model, { out: model.gradient(proj), a: dx, b: hidden, layout: "tn", beta: 1 });
  const epilogue = { kind: "reluSquareGradient", activation: hidden } as const;
  multiply(model, { out: dHidden, a: dx, b: model.value(proj), layout: "nn", epilogue });
  device.rmsNorm({ out: normed, x: act.middle });
  linearBackward("mlp.c_fc", dHidden, normed, dNormed);
  device.rmsNormBackward({ dx, dout: dNormed, x: act.middle, accumulate: true });

  linearBackward("attn.c_proj", dx, act.attended, dAttended);
  const { q, k, v, attended: out, lse, qRstd, kRstd } = act;
  const attention = { out, lse, q, k, v, window, starts };
  device.attentionBackward({ dq, dk, dv, delta, dout: dAttended, ...attention });
  device.rotaryNormBackward({ dx: dq, y: q, rstd: qRstd, cos, sin, scale: qkScale });
  device.rotaryNormBackward({ dx: dk, y: k, rstd: kRstd, cos, sin, scale: qkScale });
  const mixed = mixNorm(model, layer, act.x, inputs, scratch.mixed, normed);
  const projections = [["attn.c_q", dq], ["attn.c_k", dk], ["attn.c_v", dv]] as const;
  multiplyEach(
    model,
    projections.map(([short, a]) => (
      { out: model.gradient(name(short)), a, b: normed, layout: "tn", beta: 1 }
    )),
  );
  multiplyEach(
    model,
    projections.map(([short, a], i) => (
      { out: dNormed, a, b: model.value(name(short)), layout: "nn", beta: i === 0 ? 0 : 1 }
    )),
  );
  if (valueGate && hasValueEmbedding(config, layer)) {
    const table = `value_embeds.${layer}.weight`, gate = name("attn.ve_gate");
    device.addValueEmbeddingBackward({
      dx: dNormed,
      dgate: model.gradient(gate),
      dtable: model.gradient(table),
      dv,
      table: model.value(table),
      ids,
      groups,
      x: normed,
      gate: model.value(gate),
      scale: valueGate.scale,
    });
  }
  device.rmsNormBackward({ dx, dout: dNormed, x: mixed, accumulate: true });
  mixBackward(model, layer, act.x, inputs, dx, dMixedIn);
}
