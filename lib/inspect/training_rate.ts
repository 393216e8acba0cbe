/**
 * How fast a device trains a model, measured.
 *
 * @module
 */
import type { Hardware, Readback, Tensor } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { beginStep, GPT, Pass } from "../model/mod.ts";
import { type MuonOptions, Optimizer, parameterGroups } from "../optim/mod.ts";
import { pause } from "../pause.ts";
import { countTraining, formatMemory, type ModelShape, orMemoryError } from "../training/mod.ts";

/** Seconds after which nothing of a kind is begun anew, and how often it is begun at most. */
const SECONDS = 2, MOST = 64;
/** Nothing is to be learned from these rows. */
const RATES = { embeddingLr: 0, unembeddingLr: 0, matrixLr: 0 };

/** How long training takes on a device. */
export interface TrainingRate {
  /** Seconds of a row, forward and backward. */
  row: number;
  /** Seconds of a step of the optimizer. */
  step: number;
}

/** What is trained. */
export interface TimedTraining {
  /** The model; its weights need not be known, for they do not change the time. */
  shape: ModelShape;
  /** Rows of a micro-batch, B; one is timed where so many do not fit or take too long. */
  rows: number;
  /** Tokens in a row. */
  T: number;
  /** The share of them that is trained on, 0 to 1. */
  trainedShare: number;
  /** How Muon is varied. */
  muon: MuonOptions;
}

/** What is needed of the world. */
interface Timing {
  /** A clock, in milliseconds. */
  now(): number;
  signal: AbortSignal;
}

/**
 * Trains on a few rows and takes a few steps of the optimizer: some seconds, where a row takes no
 * longer.
 *
 * @returns The rate; or a text that says why the device cannot train the model.
 * @throws The signal's reason, once it is aborted.
 */
export async function measureRate(
  device: Hardware,
  training: TimedTraining,
  timing: Timing,
): Promise<TrainingRate | string> {
  const { shape, shape: { config, parts, dtype }, rows, T, muon } = training;
  const stepTokens = rows * T;
  const lackFor = async (rows: number) => {
    const counting = countTraining(device, shape, { rows, T, stepTokens, muon });
    const counted = await orMemoryError(counting);
    if (counted instanceof UserError) return counted.message;
    if (await device.fits(counted.counted)) return undefined;
    return `training a row of ${T} tokens takes ${formatMemory(counted.total)} of memory, which ` +
      "this device has not";
  };
  const lack = await lackFor(1);
  if (lack !== undefined) return lack;
  const model = new GPT(device, config, { parts, training: true, dtype, stepTokens });
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, RATES);
  const optimizer = new Optimizer(device, groups, muon);
  const loss = device.allocate("loss of a step", [1]);
  let row = await timeRows(model, loss, { ...training, rows: 1 }, timing);
  if (rows > 1 && rows * row <= SECONDS && await lackFor(rows) === undefined) {
    row = await timeRows(model, loss, training, timing) / rows;
  }
  const update = async () => {
    optimizer.step(1, 0, loss);
    const guard = device.stage(optimizer.guard);
    device.submit();
    await guard.values();
    await pause(timing.signal);
  };
  return { row, step: await time(update, () => Promise.resolve(), timing) };
}

/** Seconds of a micro-batch, forward and backward. */
async function timeRows(
  model: GPT,
  loss: Tensor,
  { rows, T, trainedShare }: TimedTraining,
  timing: Timing,
): Promise<number> {
  const { device, config: { vocabSize } } = model;
  const pass = new Pass(model, rows, T, { training: true });
  const x = Int32Array.from({ length: rows * T }, (_, i) => 7919 * i % vocabSize);
  const isTarget = (i: number) => Math.ceil((i + 1) * trainedShare) > Math.ceil(i * trainedShare);
  const y = x.map((id, i) => isTarget(i) ? id : -1);
  let running: Readback | undefined;
  const train = async () => {
    beginStep(model, [x], pass);
    pass.batch.write(x, y);
    model.zeroGradients();
    device.zero({ x: loss });
    for (const _ of pass.training(loss, 1)) await pause(timing.signal);
    const submitted = device.stage(loss);
    device.submit();
    // One runs while the next is prepared, as in a run.
    await running?.values();
    running = submitted;
  };
  const finish = async () => {
    await running?.values();
    running = undefined;
  };
  try {
    return await time(train, finish, timing);
  } finally {
    pass.free();
  }
}

/**
 * Seconds that something takes, of the mean of several times after the first, in which kernels are
 * compiled; of the first alone, where that takes long.
 *
 * @param end Waits for those that still run.
 */
async function time(
  once: () => Promise<void>,
  end: () => Promise<void>,
  { now }: Timing,
): Promise<number> {
  let started = now();
  await once();
  await end();
  const first = (now() - started) / 1000;
  if (first > SECONDS) return first;
  let count = 0;
  for (started = now(); count === 0 || count < MOST && now() - started < 1000 * SECONDS; count++) {
    await once();
  }
  await end();
  return (now() - started) / 1000 / count;
}
