/**
 * How fast a device trains a model, measured.
 *
 * @module
 */
import type { Hardware, Readback } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { beginStep, GPT, Pass } from "../model/mod.ts";
import { type MuonOptions, Optimizer, parameterGroups } from "../optim/mod.ts";
import { pause } from "../pause.ts";
import { countTraining, formatMemory, type ModelShape, orMemoryError } from "../training/mod.ts";

/** Seconds after which no further row is begun, and most rows. */
const SECONDS = 2, MOST_ROWS = 64;
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
  /** Tokens in a row. */
  T: number;
  /** The share of them that is trained on, 0 to 1. */
  trainedShare: number;
  /** How Muon is varied. */
  muon: MuonOptions;
}

/**
 * Trains on a few rows, one at a time, and takes a few steps of the optimizer: some seconds, where a
 * row takes no longer.
 *
 * @param now A clock, in milliseconds.
 * @returns The rate; or a text that says why the device cannot train the model.
 * @throws The signal's reason, once it is aborted.
 */
export async function measureRate(
  device: Hardware,
  { shape, T, trainedShare, muon }: TimedTraining,
  { now, signal }: { now(): number; signal: AbortSignal },
): Promise<TrainingRate | string> {
  const counted = await orMemoryError(
    countTraining(device, shape, { rows: 1, T, stepTokens: T, muon }),
  );
  if (counted instanceof UserError) return counted.message;
  if (!await device.fits(counted.counted)) {
    return `training a row of ${T} tokens takes ${formatMemory(counted.total)} of memory, which ` +
      "this device has not";
  }
  const { config, parts, dtype } = shape;
  const model = new GPT(device, config, { parts, training: true, dtype, stepTokens: T });
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, RATES);
  const optimizer = new Optimizer(device, groups, muon);
  const pass = new Pass(model, 1, T, { training: true });
  const loss = device.allocate("loss of a step", [1]);
  const x = Int32Array.from({ length: T }, (_, i) => 7919 * i % config.vocabSize);
  const isTarget = (i: number) => Math.ceil((i + 1) * trainedShare) > Math.ceil(i * trainedShare);
  const y = x.map((id, i) => isTarget(i) ? id : -1);

  let running: Readback | undefined;
  const train = async () => {
    beginStep(model, [x], pass);
    pass.batch.write(x, y);
    model.zeroGradients();
    device.zero({ x: loss });
    for (const _ of pass.training(loss, 1)) await pause(signal);
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
  const update = async () => {
    optimizer.step(1, 0, loss);
    const guard = device.stage(optimizer.guard);
    device.submit();
    await guard.values();
    await pause(signal);
  };
  /** Seconds of one, after the first, in which kernels are compiled. */
  const time = async (once: () => Promise<void>, end: () => Promise<void>) => {
    let started = now(), count = 1;
    await once();
    await end();
    const first = (now() - started) / 1000;
    if (first > SECONDS) return first;
    started = now();
    for (count = 0; count === 0 || count < MOST_ROWS && now() - started < 1000 * SECONDS; count++) {
      await once();
    }
    await end();
    return (now() - started) / 1000 / count;
  };
  return { row: await time(train, finish), step: await time(update, finish) };
}
