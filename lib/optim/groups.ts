/**
 * Which parameter is trained how: nanochat's parameter groups.
 *
 * @module
 */
import type { Tensor } from "../device/mod.ts";

/** A parameter as the optimizers see it; a model's parameters fit. */
export interface OptimizerParameter {
  /** nanochat's name. */
  name: string;
  /** Shape, (rows, columns) for Muon. */
  shape: readonly number[];
  /** What it is for. */
  kind: "lmHead" | "wte" | "valueEmbeds" | "bigramEmbed" | "matrix" | "scalar";
  /** Its values. */
  value: Tensor;
  /** Its gradient. */
  gradient?: Tensor;
  /** Where each row has its gradient, if that has fewer rows; and which part of it is in use. */
  gradientRows?: { readonly rows: Tensor; used(gradient: Tensor): Tensor };
}

/** Learning rates before any scaling. */
export interface LearningRates {
  /** Token and value embeddings. */
  embeddingLr: number;
  /** lm_head. */
  unembeddingLr: number;
  /** Matrices of the blocks, trained by Muon. */
  matrixLr: number;
  /** What the rates of all groups are multiplied by, fixed ones included; 1 unless given. */
  initLrFrac?: number;
}

/** What both kinds of groups have. */
export interface GroupSettings {
  /** Its parameters, in the order of the optimizer's state. */
  parameters: OptimizerParameter[];
  /** Learning rate at multiplier 1. */
  lr: number;
  /** Decoupled weight decay. */
  weightDecay: number;
}

/** Parameters trained by AdamW with the same settings. */
export interface AdamWGroup extends GroupSettings {
  /** Tells it from Muon's. */
  kind: "adamw";
  /** Decay of the first and second moment. */
  betas: [number, number];
  /** Added to the root of the second moment. */
  eps: number;
}

/** Matrices of one shape, trained by Muon together. */
export interface MuonGroup extends GroupSettings {
  /** Tells it from AdamW's. */
  kind: "muon";
  /** Decay of the second moment in variance reduction. */
  beta2: number;
}

/** A group of either kind. */
export type ParameterGroup = AdamWGroup | MuonGroup;

/** Narrows a group. */
export const isAdamW = (group: ParameterGroup): group is AdamWGroup => group.kind === "adamw";
/** Narrows a group. */
export const isMuon = (group: ParameterGroup): group is MuonGroup => group.kind === "muon";

/** What AdamW's learning rates are multiplied by at a model's width. */
export function widthScale(nEmbd: number): number {
  return (nEmbd / 768) ** -0.5;
}

/**
 * nanochat's groups in the order of its optimizer's state: AdamW for lm_head, wte, value
 * embeddings, bigram embedding and scalars, then Muon, one group per shape of the blocks' matrices,
 * shapes sorted. Groups without parameters (parts that are off) are left out. The rates and betas
 * are the newest; those of the bigram parts are their own day's.
 *
 * @param parameters In the order of the state dict.
 * @param nEmbd Width of the model.
 * @param rates Learning rates; those of tables are scaled by {@link widthScale}.
 * @param weightDecay Muon's weight decay.
 */
export function parameterGroups(
  parameters: readonly OptimizerParameter[],
  nEmbd: number,
  rates: LearningRates,
  weightDecay = 0,
): ParameterGroup[] {
  const scale = widthScale(nEmbd);
  const { embeddingLr, unembeddingLr, matrixLr, initLrFrac = 1 } = rates;
  const ofKind = (kind: OptimizerParameter["kind"]) => parameters.filter((p) => p.kind === kind);
  const named = (...names: string[]) =>
    names.flatMap((name) => parameters.filter((p) => p.name === name));
  const adamw = (
    parameters: OptimizerParameter[],
    lr: number,
    betas: [number, number],
    weightDecay: number,
  ): AdamWGroup => (
    { kind: "adamw", parameters, lr: lr * initLrFrac, betas, weightDecay, eps: 1e-10 }
  );

  const byShape = new Map<string, OptimizerParameter[]>();
  for (const parameter of ofKind("matrix")) {
    const key = parameter.shape.join();
    byShape.set(key, [...byShape.get(key) ?? [], parameter]);
  }
  const muon = [...byShape.values()]
    .sort(([{ shape: a }], [{ shape: b }]) => a[0] - b[0] || a[1] - b[1])
    .map((parameters): MuonGroup => (
      { kind: "muon", parameters, lr: matrixLr * initLrFrac, weightDecay, beta2: 0.9 }
    ));
  return [
    adamw(ofKind("lmHead"), unembeddingLr * scale, [0.8, 0.96], 0.01),
    adamw(ofKind("wte"), embeddingLr * scale, [0.8, 0.995], 0.001),
    adamw(ofKind("valueEmbeds"), embeddingLr * 0.5 * scale, [0.8, 0.995], 0.01),
    adamw(ofKind("bigramEmbed"), embeddingLr * scale, [0.8, 0.95], 0),
    adamw(named("resid_lambdas"), 0.005, [0.8, 0.95], 0.05),
    adamw(named("x0_lambdas"), 0.5, [0.96, 0.95], 0),
    adamw(named("smear_gate.weight", "smear_lambda", "backout_lambda"), 0.2, [0.8, 0.95], 0),
    adamw(named("bigram_lambdas"), 0.5, [0.96, 0.95], 0),
    ...muon,
  ].filter((group) => group.parameters.length > 0);
}
