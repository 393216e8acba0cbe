/**
 * What training needs of a device's memory, counted before anything is loaded.
 *
 * @module
 */
import type { Hardware, Readback, Tensor } from "../device/mod.ts";
import { Arena, beginStep, GPT, LossHead, Pass } from "../model/mod.ts";
import {
  type MuonOptions,
  Optimizer,
  optimizerState,
  type OwnedGroups,
  ownedGroups,
  parameterGroups,
} from "../optim/mod.ts";
import { type Ranks, SINGLE } from "../ranks/mod.ts";
import { sizeOf } from "../shapes.ts";
import { slices, type TensorSource } from "../tensor_source.ts";
import { added, answer, type ModelShape } from "./count_answers.ts";

/** What a training run does beside taking steps, and how it takes them. */
export interface WhatElse {
  /** Whether a layer's activations are computed again in the backward pass. */
  recompute?: boolean;
  /** The token that begins each conversation, where those of a row are isolated. */
  separator?: number;
  /** Tokens of a step, see {@link GPT}; as many as there may be unless given. */
  stepTokens?: number;
  /** Whether ChatCORE is measured in between. */
  measures?: boolean;
  /** How Muon is varied. */
  muon?: MuonOptions;
  /** The processes that train it together, of which this one has its part of the optimizer. */
  ranks?: Pick<Ranks, "rank" | "worldSize">;
}

/** What training needs, in bytes. */
export interface TrainingMemory {
  /** The parameters. */
  weights: number;
  /** Their gradients. */
  gradients: number;
  /** The optimizer's state, and what it works in; of several ranks this one's part, with its rows. */
  moments: number;
  /** What a row adds to the activations. */
  activationsPerRow: number;
  /** What of the activations does not grow with the rows. */
  fixedActivations: number;
  /** The logits of as many tokens as are computed at once, and their losses. */
  lossHead: number;
  /** What the device's operations work in. */
  workspaces: number;
  /** Copies on their way to the host: losses, and what a checkpoint is written from. */
  staging: number;
  /** What measuring ChatCORE adds, if it is measured. */
  measuring: number;
  /**
   * All of these together for the rows that were asked for; but for the last three, where without
   * them it is more than the device has.
   */
  total: number;
  /** The device that counted, for {@link Hardware.fits}. */
  counted: Hardware;
}

/** Learning rates take no memory. */
const RATES = { embeddingLr: 0, unembeddingLr: 0, matrixLr: 0 };

/** More tokens than all but the longest problems of ChatCORE have; a guess, made before they are read. */
export const LONGEST_PROBLEM = 1024;
/** Problems that measuring ChatCORE takes at a time, and most tokens of an answer. */
const MEASURED = { problems: 8, answer: 512 };

/**
 * Counts what training needs, of several ranks on this one: makes model, optimizer and pass on a
 * device that only counts, and takes a step, an evaluation and a checkpoint there.
 *
 * @param device Where it would be trained.
 * @param rows Of a micro-batch, B.
 * @param T Tokens in a row.
 * @param recompute Whether a layer's activations are computed again in the backward pass.
 * @param separator The token that begins each conversation, where those of a row are isolated.
 * @param stepTokens Tokens of a step.
 * @param measures Whether ChatCORE is measured in between, with problems of
 * {@link LONGEST_PROBLEM} tokens.
 * @param muon How Muon is varied.
 * @param ranks The processes that train it together.
 * @throws {UserError} when the device cannot hold one of the tensors, however much it has free, or
 * ranks cannot share a parameter.
 */
export async function countTraining(
  device: Hardware,
  { config, parts, dtype }: ModelShape,
  { rows, T, recompute, separator, stepTokens, measures = false, muon, ranks = SINGLE }:
    & { rows: number; T: number }
    & WhatElse,
): Promise<TrainingMemory> {
  const training = true;
  const modelOn = (device: Hardware) =>
    new GPT(device, config, { parts, training, dtype, stepTokens });
  const passOf = (model: GPT, rows: number) =>
    new Pass(model, rows, T, { training, recompute, separator });
  // Its model is the same, and gives its parts away.
  const other = device.counting(), like = modelOn(other);
  const lossHeadOf = (rows: number) =>
    added(other, () => new LossHead(like, new Arena(other), rows * T, training))[1];
  const lossHead = lossHeadOf(rows), others = rows > 1 ? rows - 1 : 2;
  const compared = added(other, () => passOf(like, others))[1] - lossHeadOf(others);
  const gradients = -added(other, () => {
    for (const { gradient } of like.parameters.values()) other.free(gradient!);
    for (const rows of like.gradientRows) rows.free();
  })[1];

  const counted = device.counting();
  const [model, trained] = added(counted, () => modelOn(counted));
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, RATES);
  const [{ optimizer, owned }, moments] = added(counted, () => {
    const { rank, worldSize } = ranks;
    const { groups: own, owned } = worldSize > 1
      ? ownedGroups(counted, groups, rank, worldSize)
      : { groups, owned: [] };
    return { optimizer: new Optimizer(counted, own, muon), owned };
  });
  const [pass, activations] = added(counted, () => passOf(model, rows));
  const activationsPerRow = (activations - lossHead - compared) / (rows - others);
  const fixedActivations = activations - lossHead - rows * activationsPerRow;
  const held = { weights: trained - gradients, gradients, moments, lossHead };
  const workspaces = counted.memory.peak - trained - moments - activations;
  const spent = { workspaces, staging: 0, measuring: 0 };
  /** Counts what something takes that is not held yet. */
  const count = async (part: keyof typeof spent, run: () => unknown) => {
    const { peak } = counted.memory;
    await run();
    spent[part] += counted.memory.peak - peak;
  };
  if (counted.memory.peak <= device.memory.limit) {
    const run = new CountedRun(model, optimizer, pass, owned);
    await count("workspaces", () => run.train());
    await count("staging", () => run.handOver());
    await count("workspaces", () => run.update());
    await count("staging", () => run.report());
    await count("staging", () => run.save());
    await count("workspaces", () => run.evaluate());
    if (measures) await count("measuring", () => measure(model));
  }
  const total = counted.memory.peak;
  return { ...held, activationsPerRow, fixedActivations, ...spent, total, counted };
}

/** What a run does that takes memory, once of each kind. */
class CountedRun {
  #loss!: Tensor;

  constructor(
    private readonly model: GPT,
    private readonly optimizer: Optimizer,
    private readonly pass: Pass,
    /** What this rank updates, of several. */
    private readonly owned: OwnedGroups["owned"],
  ) {}

  /** A micro-batch, forward and backward. */
  train(): void {
    const { pass, pass: { B, T } } = this, tokens = new Int32Array(B * T);
    this.#loss = this.model.device.allocate("loss of a step", [1]);
    beginStep(this.model, [tokens], pass);
    pass.batch.write(tokens, tokens);
    this.model.zeroGradients();
    pass.train(this.#loss, 1);
  }

  /** What ranks hand each other before the step. */
  async handOver(): Promise<void> {
    const { device, parameters } = this.model;
    // The CPU's copies are not the device's.
    if (this.owned.length === 0 || device.kind !== "webgpu") return;
    // None may have been fetched when the last is copied.
    await fetch([...parameters.values()].map(({ gradient }) => device.stage(gradient!)));
  }

  /** A step of the optimizer. */
  update(): void {
    this.optimizer.step(1, 0, this.#loss);
  }

  /** Loss and guard on their way to the host; alone, a process does not wait for those before. */
  async report(): Promise<void> {
    const { device } = this.model, numbers = [this.#loss, this.optimizer.guard];
    const inFlight = this.owned.length > 0 ? numbers : [...numbers, ...numbers];
    await fetch(inFlight.map((x) => device.stage(x)));
  }

  /** Trying the weights, and measuring bits per byte. */
  async evaluate(): Promise<void> {
    const { device } = this.model;
    await this.model.isFinite();
    const loss = device.allocate("loss of an evaluation", [1]);
    this.pass.evaluate(loss);
    await device.read(loss);
    device.free(loss);
  }

  /** Reads what a checkpoint is written from, and ranks send each other. */
  async save(): Promise<void> {
    const { device } = this.model;
    if (device.kind !== "webgpu") return;
    const { state } = optimizerState(this.optimizer, { multiplier: 1, mu: 0 });
    const moments = [...state.values()].flatMap((entries) => Object.values(entries))
      .filter((entry) => typeof entry !== "number");
    const own = this.owned.map(({ parameter: { value } }): TensorSource => ({
      dtype: value.dtype,
      shape: value.shape,
      read: (start, count) => device.read(value, start, count),
    }));
    // Of the same shape, what is read a second time takes nothing more.
    const seen = new Set<string>();
    for (const { dtype, shape, read } of [...own, ...this.model.stateDict().values(), ...moments]) {
      for (const { start, count } of slices(sizeOf(shape))) {
        const key = [dtype, ...shape, start].join();
        if (!seen.has(key)) await read(start, count);
        seen.add(key);
      }
    }
  }
}

/** What measuring ChatCORE does, once of each kind. */
async function measure(model: GPT): Promise<void> {
  const { problems, answer: longest } = MEASURED;
  const T = Math.min(LONGEST_PROBLEM, model.config.sequenceLen);
  const pass = new Pass(model, problems, T);
  pass.batch.write(new Int32Array(problems * T));
  pass.forward();
  pass.free();
  const capacity = T + longest;
  await answer(model, { rows: problems, capacity, cacheTokens: problems * capacity });
}

/** Fetches copies that were all made before. */
async function fetch(copies: readonly Readback[]): Promise<void> {
  for (const copy of copies) await copy.values();
}
