/**
 * The training loop: micro-batches, optimizer steps, and the numbers of each.
 *
 * The host never waits for the step it has just handed over. The loss of a step is fetched after
 * the next one was submitted, so its line appears one step late.
 *
 * @module
 */
import type { Readback, Tensor } from "../device/mod.ts";
import type { Pass } from "../model/mod.ts";
import {
  lrMultiplier,
  momentumCoefficient,
  type Optimizer,
  type ScheduleOptions,
} from "../optim/mod.ts";
import { pause } from "../pause.ts";
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
  /** Called with the numbers of each step, in order. */
  onStep(step: number, metrics: StepMetrics): void;
  /** Whether {@link pause} is wanted before the next step; always so after the last. */
  isDue(step: number): boolean;
  /** The place for evaluations and checkpoints, when all steps so far are reported. */
  pause(at: RunProgress, last: boolean): Promise<void>;
}

/** Whether a step is one of every `interval`; never, where that is −1. */
export function isMultiple(step: number, interval: number): boolean {
  return interval > 0 && step % interval === 0;
}

/** Weight of the past in the smoothed loss. */
const EMA_BETA = 0.9;
/** Steps that do not count in the total time: kernels are compiled and memory is touched. */
const WARMUP_STEPS = 10;

/** A step that was handed to the device and whose loss is still to be fetched. */
interface SubmittedStep {
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
  const { pass: { model: { device } }, numIterations, signal } = options;
  const state = { ...from };
  const lossSum = device.allocate("loss of a step", [1]);
  let submitted: SubmittedStep | undefined;
  const report = async (taken: SubmittedStep | undefined) => {
    if (!taken) return;
    const raw = (await taken.loss.values())[0];
    state.smoothedLoss = EMA_BETA * state.smoothedLoss + (1 - EMA_BETA) * raw;
    const smoothed = state.smoothedLoss / (1 - EMA_BETA ** taken.step);
    const losses = { "train/loss": smoothed, "train/loss_raw": raw };
    options.onStep(taken.step, { ...taken.metrics, ...losses });
  };

  try {
    for (;;) {
      const finished = numIterations > 0 ? state.step >= numIterations : state.progress >= 1;
      const last = finished || signal.aborted;
      if (last || options.isDue(state.step)) {
        await report(submitted);
        submitted = undefined;
        await options.pause({ ...state }, last);
      }
      if (last) return state;
      const started = options.now();
      const { epoch, lrm } = takeStep(options, state, lossSum);
      const loss = device.stage(lossSum);
      device.submit();
      await report(submitted);
      // The CPU device ran all this without a pause: let signals have their turn.
      await pause();
      const dt = (options.now() - started) / 1000;
      if (state.step > WARMUP_STEPS) state.trainingSeconds += dt;
      const tokens = options.pass.B * options.pass.T * options.accumulationSteps;
      submitted = {
        step: state.step,
        loss,
        metrics: {
          "train/lrm": lrm,
          "train/dt": dt,
          "train/tok_per_sec": tokens / dt,
          "train/mfu": 0,
          "train/epoch": epoch,
          "train/progress": state.progress,
          "total_training_time": state.trainingSeconds,
        },
      };
    }
  } finally {
    device.free(lossSum);
  }
}

/**
 * One optimizer step. Its learning rate is that of the progress before it, so that the first step
 * of a run is never spent at the rate of the end.
 */
function takeStep(
  options: TrainingLoopOptions,
  state: RunProgress,
  lossSum: Tensor,
): { epoch: number; lrm: number } {
  const { pass, optimizer, accumulationSteps, numIterations } = options;
  const { model } = pass;
  let epoch = 1;
  const lrm = lrMultiplier(state.progress, options.schedule);
  for (let micro = 0; micro < accumulationSteps; micro++) {
    const batch = options.nextBatch();
    pass.batch.write(batch.x, batch.y);
    if (micro === 0) {
      model.zeroGradients();
      model.device.zero({ x: lossSum });
    }
    pass.train(lossSum, 1 / accumulationSteps);
    if (micro < accumulationSteps - 1) model.device.submit();
    epoch = batch.epoch;
    const share = numIterations > 0 ? (state.step + 1) / numIterations : batch.progress;
    state.progress = Math.max(state.progress, Math.min(1, share));
  }
  optimizer.step(lrm, momentumCoefficient(state.step));
  state.step++;
  return { epoch, lrm };
}
