/**
 * What a model needs of a device's memory, counted before anything is loaded.
 *
 * @module
 */
import type { Device, Hardware } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { Engine } from "../engine/mod.ts";
import {
  Arena,
  CachedPass,
  GPT,
  LossHead,
  type ModelConfig,
  type ModelParts,
  Pass,
  type WeightType,
} from "../model/mod.ts";
import {
  type MuonOptions,
  Optimizer,
  type OwnedGroups,
  ownedGroups,
  parameterGroups,
} from "../optim/mod.ts";
import { type Ranks, SINGLE } from "../ranks/mod.ts";
import { slices } from "../tensor_source.ts";

/** What decides how large a model is: its sizes and its parts. */
export interface ModelShape {
  /** Its sizes. */
  config: ModelConfig;
  /** What it has beside them. */
  parts: ModelParts;
  /** Type of its weights where it is not trained; float32 unless given. */
  weights?: WeightType;
}

/** What a training run does beside taking steps, and how it takes them. */
export interface WhatElse {
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
  /**
   * All together for the rows that were asked for, with what the device's operations work in, unless
   * without that it is more than the device has.
   */
  total: number;
  /** The device that counted, for {@link Hardware.fits}. */
  counted: Hardware;
}

/** What generating text needs, in bytes. */
export interface AnswerMemory {
  /** The parameters. */
  weights: number;
  /** Keys and values of one token of one sequence, in all layers. */
  cachePerToken: number;
  /** All together, with what the device's operations work in. */
  total: number;
  /** The device that counted, for {@link Hardware.fits}. */
  counted: Hardware;
}

/** Learning rates take no memory. */
const RATES = { embeddingLr: 0, unembeddingLr: 0, matrixLr: 0 };

/** More tokens than all but the longest problems of ChatCORE have; a guess, made before they are read. */
export const LONGEST_PROBLEM = 1024;
/** Bytes. */
const NO_DEVICE_HAS = 2 ** 40;
/** Problems that measuring ChatCORE takes at a time, and most tokens of an answer. */
const MEASURED = { problems: 8, answer: 512 };

/** For an engine that nobody listens to. */
const NO_TOKENIZER = { bosId: 0, encodeSpecial: () => 1, encode: () => [], decode: () => "" };

/**
 * Counts what training needs, of several ranks on this one: makes model, optimizer and pass on a
 * device that only counts, and takes a step there.
 *
 * @param device Where it would be trained.
 * @param rows Of a micro-batch, B.
 * @param T Tokens in a row.
 * @param measures Whether ChatCORE is measured in between, with problems of
 * {@link LONGEST_PROBLEM} tokens.
 * @param muon How Muon is varied.
 * @param ranks The processes that train it together.
 * @throws {UserError} when the device cannot hold one of the tensors, however much it has free, or
 * ranks cannot share a parameter.
 */
export async function countTraining(
  device: Hardware,
  { config, parts }: ModelShape,
  { rows, T, measures = false, muon, ranks = SINGLE }: { rows: number; T: number } & WhatElse,
): Promise<TrainingMemory> {
  const training = true;
  const other = device.counting(), counted = device.counting();
  const [untrained, weights] = added(other, () => new GPT(other, config, { parts }));
  const lossHeadOf = (rows: number) =>
    added(other, () => new LossHead(untrained, new Arena(other), rows * T, training))[1];
  const lossHead = lossHeadOf(rows), others = rows > 1 ? rows - 1 : 2;
  const [, compared] = added(other, () => new Pass(untrained, others, T, { training }));
  const comparedRows = compared - lossHeadOf(others);

  const [model, trained] = added(counted, () => new GPT(counted, config, { parts, training }));
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, RATES);
  const [{ optimizer, owned }, moments] = added(counted, () => {
    const { rank, worldSize } = ranks;
    const { groups: own, owned } = worldSize > 1
      ? ownedGroups(counted, groups, rank, worldSize)
      : { groups, owned: [] };
    return { optimizer: new Optimizer(counted, own, muon), owned };
  });
  const [pass, activations] = added(counted, () => new Pass(model, rows, T, { training }));
  const activationsPerRow = (activations - lossHead - comparedRows) / (rows - others);
  if (counted.memory.peak <= device.memory.limit) await step(model, optimizer, pass, owned);
  if (measures) await measure(model);
  return {
    weights,
    gradients: trained - weights,
    moments,
    activationsPerRow,
    fixedActivations: activations - lossHead - rows * activationsPerRow,
    lossHead,
    total: counted.memory.peak,
    counted,
  };
}

/** What a step and a checkpoint do; of several ranks, who hand over gradients and what they own. */
async function step(
  model: GPT,
  optimizer: Optimizer,
  pass: Pass,
  owned: OwnedGroups["owned"],
): Promise<void> {
  const { device } = model, loss = device.allocate("loss", [1]);
  const tokens = new Int32Array(pass.B * pass.T);
  pass.batch.write(tokens, tokens);
  model.zeroGradients();
  pass.train(loss, 1);
  if (owned.length > 0 && device.kind === "webgpu") {
    // None may have been fetched when the last is copied; the CPU's copies are not the device's.
    const staged = [...model.parameters.values()].map(({ gradient }) => device.stage(gradient!));
    for (const readback of staged) await readback.values();
  }
  optimizer.step(1, 0, loss);
  // As many numbers read a second time take nothing more.
  const seen = new Set<number>();
  for (
    const { value } of [...owned.map(({ parameter }) => parameter), ...model.parameters.values()]
  ) {
    const [{ count }] = slices(value.size);
    if (!seen.has(count)) await device.read(value, 0, count);
    seen.add(count);
  }
}

/**
 * Counts what generating text needs: the model, and an engine with its caches.
 *
 * @param device Where it would run.
 * @param rows Texts at a time.
 * @param capacity Most tokens of each; the model's own length unless given.
 * @throws {UserError} when the device cannot hold one of the tensors, or all caches together,
 * however much it has free.
 */
export async function countAnswers(
  device: Hardware,
  { config, ...options }: ModelShape,
  { rows, capacity = config.sequenceLen }: { rows: number; capacity?: number },
): Promise<AnswerMemory> {
  const counted = device.counting();
  const [model, weights] = added(counted, () => new GPT(counted, config, options));
  const cachePerToken = cacheBytesPerToken(new GPT(device.counting(), config, options));
  const least = weights + rows * capacity * cachePerToken, { limit } = device.memory;
  if (least > Math.min(limit, NO_DEVICE_HAS)) {
    // As many texts are not even made up.
    const detail = { kind: "memory", tensor: "the KV cache", bytes: least, limit } as const;
    throw new UserError(`the device has no room for the KV cache of ${rows} texts`, { detail });
  }
  await answer(model, rows, capacity);
  return { weights, cachePerToken, total: counted.memory.peak, counted };
}

/** Reads the longest prompt and goes on from it for a token. */
async function answer(model: GPT, rows: number, capacity: number): Promise<void> {
  const engine = new Engine(model, NO_TOKENIZER, { capacity });
  const prompt = Array<number>(capacity - 1).fill(0);
  await engine.generateBatch(Array(rows).fill(prompt), { maxTokens: 1 });
  engine.free();
}

/** What measuring ChatCORE does, once of each kind. */
async function measure(model: GPT): Promise<void> {
  const { problems, answer: longest } = MEASURED;
  const T = Math.min(LONGEST_PROBLEM, model.config.sequenceLen);
  const pass = new Pass(model, problems, T);
  pass.batch.write(new Int32Array(problems * T));
  pass.forward();
  pass.free();
  await answer(model, problems, T + longest);
}

/** Keys and values of a token of a sequence: what is left when what comes once is taken away. */
function cacheBytesPerToken(model: GPT): number {
  // So many that no rounding is left.
  const some = 64;
  const bytes = (rows: number, capacity: number) => {
    const [pass, bytes] = added(model.device, () => new CachedPass(model, rows, capacity, 1));
    pass.free();
    return bytes;
  };
  const of = (capacity: number) => bytes(2, capacity) - bytes(1, capacity);
  return (of(2 * some) - of(some)) / some;
}

/** What something adds to a device's memory when it is made. */
function added<T>(device: Device, make: () => T): [made: T, bytes: number] {
  const before = device.memory.used;
  const made = make();
  return [made, device.memory.used - before];
}
