/**
 * The training loop: micro-batches, optimizer steps, and the numbers of each.
 *
 * The host never waits for the micro-batch it has just handed over, only for the one before it. The
 * loss of a step is fetched after the next one was submitted, so its line appears one step late.
 *
 * @module
 */
import type { Readback, Tensor } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import type { Pass } from "../model/mod.ts";
import {
  lrMultiplier,
  momentumCoefficient,
  type Optimizer,
  type ScheduleOptions,
  stepMultiplier,
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
  /** Indices of the conversations or documents in it. */
  rows: readonly number[];
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

/**
 * Why a run ends: it is `finished`, was `stopped` by its signal, or `failed` on a loss or gradient
 * that is not a number.
 */
export type RunEnd = "finished" | "stopped" | "failed";

/** What the loop works with. `Data` is where the training data stands, whatever that is. */
export interface TrainingLoopOptions<Data> {
  /** The model's pass over micro-batches. */
  pass: Pass;
  /** Its optimizer. */
  optimizer: Optimizer;
  /** The next micro-batch. */
  nextBatch(): TrainingBatch;
  /** Where the data stands before the next micro-batch. */
  dataState(): Data;
  /** Says which rows of the data they are, for a person. */
  nameRows(rows: readonly number[]): string;
  /** Micro-batches per step. */
  accumulationSteps: number;
  /** Optimizer steps, or −1 to stop when the mixture was consumed once. */
  numIterations: number;
  /** The learning rate's course. */
  schedule: ScheduleOptions;
  /** Stops the loop after the micro-batch in progress; a step that is not whole is given up. */
  signal: AbortSignal;
  /** A clock, in milliseconds. */
  now(): number;
  /** Called with the numbers of each step, in order. */
  onStep(step: number, metrics: StepMetrics): void;
  /** Whether {@link rest} is wanted before the next step; always so at the end. */
  isDue(step: number): boolean;
  /**
   * The place for evaluations and checkpoints: all steps so far are reported, the model's
   * parameters are those after step `at.step`, and the pass holds a micro-batch.
   */
  rest(at: RunProgress, data: Data, end?: RunEnd): Promise<void>;
}

/** Whether a step is one of every `interval`; never, where that is −1. */
export function isMultiple(step: number, interval: number): boolean {
  return interval > 0 && step % interval === 0;
}

/** Weight of the past in the smoothed loss. */
const EMA_BETA = 0.9;
/** Steps that do not count in the total time: kernels are compiled and memory is touched. */
const WARMUP_STEPS = 10;

/** Most rows that an error names: the gradients of a step are those of thousands. */
const MOST_NAMED = 100;

/** A micro-batch that was handed to the device. */
interface SubmittedBatch {
  batch: TrainingBatch;
  /** The loss of its step so far, its own included. */
  loss: Readback;
}

/** A step that was handed to the device and whose loss is still to be fetched. */
interface SubmittedStep<Data> {
  /** Where the run stood before it. */
  before: RunProgress;
  data: Data;
  batches: SubmittedBatch[];
  /** Not 0 where a number of this step or of one before it was not finite. */
  guard: Readback;
  metrics: Omit<StepMetrics, "train/loss" | "train/loss_raw">;
}

/**
 * Runs optimizer steps until the iterations are done, the mixture is consumed, or the signal
 * aborts.
 *
 * A step whose loss or gradients are not finite changes nothing: the device decides that, and the
 * loop, which learns of it a step later, takes back what it has counted since and ends.
 *
 * @param from Where to begin: {@link START}, or what a checkpoint kept.
 * @returns Where it stopped.
 * @throws {UserError} naming step and rows of a loss or gradient that is not finite.
 */
export async function runTrainingLoop<Data>(
  options: TrainingLoopOptions<Data>,
  from: RunProgress = START,
): Promise<RunProgress> {
  const { device } = options.pass.model;
  const loss = device.allocate("loss of a step", [1]);
  try {
    return await new TrainingLoop(options, { ...from }, loss).run();
  } finally {
    device.free(loss);
  }
}

class TrainingLoop<Data> {
  #submitted: SubmittedStep<Data> | undefined;
  /** The loss of the micro-batch that was handed over last. */
  #running: Readback | undefined;
  /** A micro-batch that had a finite loss not long ago. */
  #known: TrainingBatch | undefined;
  /** A micro-batch that was packed before its turn, and where the data stood before it. */
  #ahead: { batch: TrainingBatch; data: Data } | undefined;
  /** Steps of the optimizer whose numbers are not known yet. */
  #unreported = 0;

  constructor(
    private readonly options: TrainingLoopOptions<Data>,
    private state: RunProgress,
    private readonly loss: Tensor,
  ) {}

  async run(): Promise<RunProgress> {
    const { options } = this, { signal } = options;
    for (;;) {
      const end = this.#isFinished() ? "finished" : signal.aborted ? "stopped" : undefined;
      if (end || options.isDue(this.state.step)) {
        await this.#report();
        await options.rest({ ...this.state }, this.#dataState(), end);
        if (end) return this.state;
        // It may have been stopped meanwhile.
        if (signal.aborted) continue;
      }
      const before = { ...this.state }, data = this.#dataState();
      const taken = await this.#takeStep(before, data);
      if (taken) {
        await this.#report();
        this.#submitted = taken;
      } else if (signal.aborted) {
        this.state = before;
        await this.#report();
        await options.rest({ ...this.state }, data, "stopped");
        return this.state;
      }
    }
  }

  #isFinished(): boolean {
    const { step, progress } = this.state, { numIterations } = this.options;
    return numIterations > 0 ? step >= numIterations : progress >= 1;
  }

  /** Where the data stands before the next micro-batch. */
  #dataState(): Data {
    return this.#ahead?.data ?? this.options.dataState();
  }

  #nextBatch(): TrainingBatch {
    const batch = this.#ahead?.batch ?? this.options.nextBatch();
    this.#ahead = undefined;
    return batch;
  }

  /**
   * The learning rate's multiplier of the next step. Where the data decides when the run ends, it
   * is that of the progress once the micro-batch after the step's own is packed too: nanochat
   * packs one ahead.
   *
   * @param progress Once the step's own are packed.
   */
  #multiplier(progress: number): number {
    const { options, options: { numIterations, schedule } } = this;
    if (numIterations > 0) return stepMultiplier(this.state.step, numIterations, schedule);
    if (progress < 1) this.#ahead = { data: options.dataState(), batch: options.nextBatch() };
    return lrMultiplier(this.#ahead?.batch.progress ?? progress, schedule);
  }

  /**
   * Hands a step over.
   *
   * @returns Undefined where the signal aborted before its last micro-batch, and where it has no
   * targets: then there is nothing to learn, and moments and weights stay as they are.
   */
  async #takeStep(before: RunProgress, data: Data): Promise<SubmittedStep<Data> | undefined> {
    const { options, state } = this;
    const { pass, optimizer, accumulationSteps, numIterations, now } = options;
    const { device } = pass.model;
    const started = now();
    const all: TrainingBatch[] = [];
    while (all.length < accumulationSteps) {
      // Packing a thousand micro-batches takes seconds.
      await pause();
      if (options.signal.aborted) return undefined;
      all.push(this.#nextBatch());
    }
    const { epoch, progress } = all[accumulationSteps - 1];
    // One without targets has no loss to average.
    const batches = all.filter(({ y }) => y.some((target) => target >= 0));
    const lrm = this.#multiplier(progress);
    const submitted: SubmittedBatch[] = [];
    let guard: Readback | undefined;
    for (const [micro, batch] of batches.entries()) {
      if (micro > 0 && options.signal.aborted) return undefined;
      pass.batch.write(batch.x, batch.y);
      if (micro === 0) {
        pass.model.zeroGradients();
        device.zero({ x: this.loss });
      }
      pass.train(this.loss, 1 / batches.length);
      const loss = device.stage(this.loss);
      if (micro === batches.length - 1) {
        optimizer.step(lrm, momentumCoefficient(state.step), this.loss);
        this.#unreported++;
        guard = device.stage(optimizer.guard);
      }
      device.submit();
      submitted.push({ batch, loss });
      // One micro-batch runs while the next is prepared, and no more wait: whoever asks for the
      // run's end waits for them.
      await this.#running?.values();
      this.#running = loss;
      // The CPU device ran all this without a pause: let signals have their turn.
      await pause();
    }
    state.step++;
    const share = numIterations > 0 ? state.step / numIterations : progress;
    state.progress = Math.max(state.progress, Math.min(1, share));
    if (!guard) return undefined;
    const dt = (now() - started) / 1000;
    if (state.step > WARMUP_STEPS) state.trainingSeconds += dt;
    const tokens = pass.B * pass.T * accumulationSteps;
    return {
      before,
      data,
      batches: submitted,
      guard,
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

  /** Fetches and reports the numbers of the step that was handed over. */
  async #report(): Promise<void> {
    const taken = this.#submitted;
    this.#submitted = undefined;
    if (!taken) return;
    const { state } = this, step = taken.before.step + 1;
    if ((await taken.guard.values())[0] !== 0) await this.#fail(taken);
    this.#unreported--;
    this.#known = taken.batches[0].batch;
    const raw = (await taken.batches.at(-1)!.loss.values())[0];
    state.smoothedLoss = EMA_BETA * state.smoothedLoss + (1 - EMA_BETA) * raw;
    const smoothed = state.smoothedLoss / (1 - EMA_BETA ** step);
    const losses = { "train/loss": smoothed, "train/loss_raw": raw };
    this.options.onStep(step, { ...taken.metrics, ...losses });
  }

  /** Takes back what was counted since the last good step, and ends the run. */
  async #fail({ before, data, batches }: SubmittedStep<Data>): Promise<never> {
    const { pass, optimizer, rest, nameRows } = this.options;
    optimizer.takeBack(this.#unreported);
    pass.model.device.zero({ x: optimizer.guard });
    this.state = { ...before, smoothedLoss: this.state.smoothedLoss };
    const losses = await Promise.all(batches.map(async ({ loss }) => (await loss.values())[0]));
    const bad = losses.findIndex((loss) => !Number.isFinite(loss));
    const rows = bad < 0 ? batches.flatMap(({ batch }) => batch.rows) : batches[bad].batch.rows;
    const more = rows.length > MOST_NAMED ? ` and ${rows.length - MOST_NAMED} more` : "";
    // On this the weights can be tried that are kept.
    const { x, y } = this.#known ?? batches[0].batch;
    pass.batch.write(x, y);
    await rest({ ...this.state }, data, "failed");
    throw new UserError(
      `step ${before.step + 1} was not taken: ` +
        (bad < 0 ? "its gradients hold NaN or infinity" : `its loss is ${losses[bad]}`) +
        ` (${nameRows(rows.slice(0, MOST_NAMED))}${more})`,
    );
  }
}
