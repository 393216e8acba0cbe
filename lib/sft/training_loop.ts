/**
 * The training loop: micro-batches, optimizer steps, and the numbers of each.
 *
 * The host never waits for the step it has just handed over. The loss of a step is fetched after
 * the next one was submitted, so its line appears one step late.
 *
 * @module
 */
import type { Device, Readback } from "../device/mod.ts";
import type { Pass } from "../model/mod.ts";
import { lrMultiplier, muonMomentum, type Optimizer, type ScheduleOptions } from "../optim/mod.ts";
import type { StepMetrics } from "../tracking/mod.ts";

/** A micro-batch and where in the mixture it ends. */
export interface TrainingBatch {
  /** (B·T) Tokens. */
  x: Int32Array;
  /** (B·T) Targets, −1 where there is none. */
  y: Int32Array;
  /** Epoch over the mixture, from 1. */
  epoch: number;
  /** Conversations consumed / conversations of the mixture, beyond 1 in later epochs. */
  progress: number;
}

/** Where a run stands; what it needs to go on from a checkpoint. */
export interface RunProgress {
  /** Optimizer steps done. */
  step: number;
  /** Share of the run done, from 0 to 1. */
  progress: number;
  /** Exponential average of the loss, before it is debiased. */
  smoothedLoss: number;
  /** Training time without evaluations and the first steps, in seconds. */
  trainingSeconds: number;
}

/** Where a run begins. */
export const START: Readonly<RunProgress> = {
  step: 0,
  progress: 0,
  smoothedLoss: 0,
  trainingSeconds: 0,
};

/** What the loop works with. */
export interface TrainingLoopOptions {
  /** The model's pass over micro-batches. */
  pass: Pass;
  /** Its optimizer. */
  optimizer: Optimizer;
  /** The next micro-batch. */
  nextBatch(): TrainingBatch;
  /** Micro-batches per step. */
  accumulationSteps: number;
  /** Optimizer steps, or −1 to stop when the mixture was consumed once. */
  numIterations: number;
  /** The learning rate's course. */
  schedule: ScheduleOptions;
  /** Stops the loop after the step in progress. */
  signal: AbortSignal;
  /** A clock, in milliseconds. */
  now(): number;
  /** Called with the numbers of each step, in order, before {@link beforeStep} of a later one. */
  onStep(step: number, metrics: StepMetrics): void;
  /**
   * Called before each step, and once after the last with `last` set: the place for evaluations
   * and checkpoints. While it runs the training clock stands still.
   */
  beforeStep(at: RunProgress, last: boolean): Promise<void>;
}

/** Weight of the past in the smoothed loss. */
const EMA_BETA = 0.9;
/** Steps that do not count in the total time: kernels are compiled and memory is touched. */
const WARMUP_STEPS = 10;

interface PendingStep {
  step: number;
  loss: Readback;
  metrics: Omit<StepMetrics, "train/loss" | "train/loss_raw">;
}

/**
 * Runs optimizer steps until the iterations are done, the mixture is consumed, or the signal
 * aborts.
 *
 * @param from Where to begin: {@link START}, or what a checkpoint kept.
 * @returns Where it stopped.
 */
export async function runTrainingLoop(
  options: TrainingLoopOptions,
  from: RunProgress = START,
): Promise<RunProgress> {
  const { pass, optimizer, numIterations, signal } = options;
  const { device } = pass.model;
  const state = { ...from };
  const lossSum = device.allocate("loss of a step", [1]);
  let pending: PendingStep | undefined;
  const report = async () => {
    if (!pending) return;
    const { step, loss, metrics } = pending;
    pending = undefined;
    const raw = (await loss.values())[0];
    state.smoothedLoss = EMA_BETA * state.smoothedLoss + (1 - EMA_BETA) * raw;
    const smoothed = state.smoothedLoss / (1 - EMA_BETA ** step);
    options.onStep(step, { ...metrics, "train/loss": smoothed, "train/loss_raw": raw });
  };
  const done = () =>
    signal.aborted || (numIterations > 0 ? state.step >= numIterations : state.progress >= 1);

  try {
    while (!done()) {
      await options.beforeStep({ ...state }, false);
      if (signal.aborted) break;
      const start = options.now();
      const previous = pending;
      const taken = takeStep(options, state, lossSum);
      pending = undefined;
      const { smoothedLoss } = state;
      if (previous) {
        pending = previous;
        state.smoothedLoss = smoothedLoss;
        await report();
      }
      // On the CPU everything above was synchronous: let signals and timers have their turn.
      await new Promise((resolve) => setTimeout(resolve, 0));
      const seconds = (options.now() - start) / 1000;
      if (state.step > WARMUP_STEPS) state.trainingSeconds += seconds;
      pending = { step: state.step, loss: taken.loss, metrics: numbers(options, state, taken, seconds) };
    }
    await report();
    await options.beforeStep({ ...state }, true);
  } finally {
    device.free(lossSum);
  }
  void optimizer;
  return state;
}
