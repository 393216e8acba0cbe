/**
 * The training loop: micro-batches, optimizer steps, and the numbers of each.
 *
 * The host never waits for the micro-batch it has just handed over, only for the one before it. The
 * loss of a step is fetched after the next one was submitted, so its line appears one step late.
 * Several ranks wait once a step, when they hand each other gradients: then they agree on how it
 * went, how far the run is and whether it goes on, so that all take the same steps.
 *
 * @module
 */
import type { Readback, Tensor } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { beginStep, type GPT, touchedRows } from "../model/mod.ts";
import {
  type GradientExchange,
  lrMultiplier,
  momentumCoefficient,
  ShardedOptimizer,
  stepMultiplier,
} from "../optim/mod.ts";
import { pause } from "../pause.ts";
import { SINGLE } from "../ranks/mod.ts";
import type { StepMetrics } from "../tracking/mod.ts";
import { agree, culpritOf } from "./agreement.ts";
import type { TrainingBatch, TrainingLoopOptions } from "./loop_options.ts";
import { LossScale } from "./loss_scale.ts";
import { MicroBatches } from "./micro_batches.ts";
import { type RunProgress, START } from "./run_progress.ts";

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

/**
 * Model FLOPs utilisation of a device that trains so many tokens a second, in percent; 0 where its
 * peak was not measured.
 */
function utilisation({ dtype, device, flopsPerToken }: GPT, tokensPerSecond: number): number {
  const peak = device.peakFlops?.[dtype === "float16" ? dtype : "float32"];
  return peak ? 100 * flopsPerToken * tokensPerSecond / peak : 0;
}

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
  /** Mean loss of its micro-batches, of all ranks. */
  loss(): Promise<number>;
  /** Not 0 where a number of this step or of one before it was not finite. */
  guard: Readback;
  metrics: Omit<StepMetrics, "train/loss" | "train/loss_raw">;
}

/**
 * Runs optimizer steps until the iterations are done, the mixture is consumed, or the signal
 * aborts.
 *
 * A step whose loss or gradients are not finite changes nothing: the device decides that, and the
 * loop, which learns of it a step later, takes back what it has counted since and ends; or takes the
 * step again, where the loss is finite and its scale for float16 was too large.
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
    return await new TrainingLoop(options, from, loss).run();
  } finally {
    device.free(loss);
  }
}

class TrainingLoop<Data> {
  #submitted: SubmittedStep<Data> | undefined;
  /** The loss of the micro-batch that was handed over last. */
  #running: Readback | undefined;
  /** Where the run stands, but for the scale of the loss. */
  #state: Omit<RunProgress, "lossScale">;
  /** A micro-batch that had a finite loss not long ago. */
  #known: TrainingBatch | undefined;
  readonly #batches: MicroBatches<TrainingBatch, Data>;
  readonly #lossScale: LossScale;
  /** Steps of the optimizer whose numbers are not known yet. */
  #unreported = 0;

  constructor(
    private readonly options: TrainingLoopOptions<Data>,
    { lossScale, ...from }: RunProgress,
    private readonly loss: Tensor,
  ) {
    this.#state = from;
    this.#batches = new MicroBatches(options);
    this.#lossScale = new LossScale(options.pass.model.dtype, lossScale);
  }

  /** Where the run stands, for whoever goes on with it. */
  get #at(): RunProgress {
    const lossScale = this.#lossScale.state;
    return { ...this.#state, ...lossScale && { lossScale } };
  }

  async run(): Promise<RunProgress> {
    const { options } = this;
    for (;;) {
      const end = this.#isFinished() ? "finished" : await this.#isStopped() ? "stopped" : undefined;
      if (end || options.isDue(this.#state.step)) {
        if (!await this.#report()) continue;
        await options.rest(this.#at, this.#batches.data, end);
        if (end || options.isOver?.()) return this.#at;
        // It may have been stopped meanwhile.
        if (await this.#isStopped()) continue;
      }
      const before = { ...this.#state }, { data } = this.#batches;
      const taken = await this.#takeStep(before, data);
      if (taken === "stopped") {
        this.#state = before;
        await this.#report();
        this.#batches.putBack(this.#state.step);
        await options.rest(this.#at, this.#batches.data, "stopped");
        return this.#at;
      } else if (taken) {
        // Where the one before is taken again, this one is too.
        if (await this.#report()) this.#submitted = taken;
        else await taken.guard.values(); // which gives its copy back
      }
    }
  }

  /** Whether this rank or another one was told to stop. */
  async #isStopped(): Promise<boolean> {
    const { signal, stop, ranks = SINGLE } = this.options;
    const isStopped = await ranks.any(signal.aborted);
    if (isStopped) stop?.();
    return isStopped;
  }

  #isFinished(): boolean {
    const { step, progress } = this.#state, { numIterations } = this.options;
    return numIterations > 0 ? step >= numIterations : progress >= 1;
  }

  /**
   * How far the run is for the learning rate of the next step. Where the data decides when it ends,
   * that is its progress once the micro-batch after the step's own is packed too: nanochat packs one
   * ahead.
   *
   * @param progress Once the step's own are packed.
   */
  #progressAhead(progress: number): number {
    if (this.options.numIterations > 0 || progress >= 1) return progress;
    return this.#batches.ahead().progress;
  }

  /** The learning rate's multiplier of the step after `step`. */
  #multiplier(step: number, progressAhead: number): number {
    const { numIterations, schedule } = this.options;
    return numIterations > 0
      ? stepMultiplier(step, numIterations, schedule)
      : lrMultiplier(progressAhead, schedule);
  }

  /**
   * Packs a step's micro-batches; fewer where the signal aborts.
   *
   * @param step Steps before it.
   * @param data Where the data stands before it.
   */
  async #pack(step: number, data: Data): Promise<TrainingBatch[]> {
    const { accumulationSteps, signal } = this.options;
    const all: TrainingBatch[] = [];
    while (all.length < accumulationSteps) {
      // Packing a thousand micro-batches takes seconds.
      await pause();
      if (signal.aborted) break;
      all.push(this.#batches.take(step + 1, data));
    }
    return all;
  }

  /**
   * Hands a step over.
   *
   * @returns Undefined where it has no targets on any rank: then there is nothing to learn, and
   * moments and weights stay as they are.
   */
  async #takeStep(
    before: RunProgress,
    data: Data,
  ): Promise<SubmittedStep<Data> | "stopped" | undefined> {
    const { options } = this, state = this.#state;
    const { pass, optimizer, accumulationSteps, numIterations, now, ranks = SINGLE } = options;
    const { device } = pass.model;
    const started = now();
    const all = await this.#pack(before.step, data);
    const isPacked = all.length === accumulationSteps;
    const { epoch, progress } = all.at(-1) ?? { epoch: 1, progress: 0 };
    const progressAhead = isPacked ? this.#progressAhead(progress) : progress;
    // One without targets has no loss to average.
    const batches = isPacked ? all.filter(({ y }) => y.some((target) => target >= 0)) : [];
    beginStep(pass.model, all.map(({ x }) => x), pass);
    const exchange = optimizer instanceof ShardedOptimizer
      ? optimizer.begin(touchedRows(pass.model, all.map(({ x }) => x), pass))
      : undefined;
    const submitted = await this.#train(batches, exchange);
    const isWhole = isPacked && submitted.length === batches.length;
    const last = submitted.at(-1)?.loss;
    const agreed = await agree(ranks, {
      isWhole,
      progress,
      progressAhead,
      isFinite: await exchange?.finish() ?? true,
      // One process alone does not wait for it.
      loss: exchange ? (await last?.values())?.[0] : undefined,
      hasTargets: batches.length > 0,
    });
    if (!agreed.isWhole) {
      options.stop?.();
      return "stopped";
    }
    state.step++;
    const share = numIterations > 0 ? state.step / numIterations : agreed.progress;
    state.progress = Math.max(state.progress, Math.min(1, share));
    const { contributors } = agreed;
    if (contributors === 0) return undefined;
    const lrm = this.#multiplier(before.step, agreed.progressAhead);
    const mu = momentumCoefficient(before.step);
    const gradientScale = 1 / this.#lossScale.value;
    if (optimizer instanceof ShardedOptimizer) {
      await optimizer.step(lrm, mu, { ...agreed, gradientScale });
    } else optimizer.step(lrm, mu, this.loss, gradientScale);
    this.#unreported++;
    this.#lossScale.grow();
    const guard = device.stage(optimizer.guard);
    await this.#submit(last);
    const dt = (now() - started) / 1000;
    if (state.step > WARMUP_STEPS) state.trainingSeconds += dt;
    const tokens = pass.B * pass.T * accumulationSteps * ranks.worldSize;
    return {
      before,
      data,
      batches: submitted,
      guard,
      loss: async () => exchange ? agreed.loss : (await last!.values())[0],
      metrics: {
        "train/lrm": lrm,
        "train/dt": dt,
        "train/tok_per_sec": tokens / dt,
        "train/mfu": utilisation(pass.model, tokens / ranks.worldSize / dt),
        "train/epoch": epoch,
        "train/progress": state.progress,
        "total_training_time": state.trainingSeconds,
      },
    };
  }

  /**
   * Hands over the forward and backward passes of a step's micro-batches, the gradients of the last
   * to the other ranks as soon as they are final. Not all of them where the signal aborts: of a large
   * model even one takes long on a CPU.
   */
  async #train(
    batches: TrainingBatch[],
    exchange: GradientExchange | undefined,
  ): Promise<SubmittedBatch[]> {
    const { pass, signal } = this.options, { device } = pass.model;
    const submitted: SubmittedBatch[] = [];
    if (batches.length === 0 && exchange) pass.model.zeroGradients();
    for (const [micro, batch] of batches.entries()) {
      if (micro > 0 && signal.aborted) return submitted;
      pass.batch.write(batch.x, batch.y);
      if (micro === 0) {
        pass.model.zeroGradients();
        device.zero({ x: this.loss });
      }
      const isLast = micro === batches.length - 1, scale = 1 / batches.length;
      for (const buckets of pass.training(this.loss, scale, this.#lossScale.value)) {
        if (isLast) exchange?.ready(buckets);
        await pause();
        if (signal.aborted) return submitted;
      }
      const loss = device.stage(this.loss);
      submitted.push({ batch, loss });
      if (!isLast) await this.#submit(loss);
    }
    return submitted;
  }

  /** Lets the device begin with what it was handed, and waits for what it was handed before. */
  async #submit(loss: Readback | undefined): Promise<void> {
    this.options.pass.model.device.submit();
    // One micro-batch runs while the next is prepared, and no more wait: whoever asks for the
    // run's end waits for them.
    await this.#running?.values();
    this.#running = loss;
    // The CPU device ran all this without a pause: let signals have their turn.
    await pause();
  }

  /**
   * Fetches and reports the numbers of the step that was handed over.
   *
   * @returns False where it is to be taken again: then all that came after it is put back.
   */
  async #report(): Promise<boolean> {
    const taken = this.#submitted;
    this.#submitted = undefined;
    if (!taken) return true;
    const state = this.#state, step = taken.before.step + 1;
    if ((await taken.guard.values())[0] !== 0) {
      await this.#takeBack(taken);
      return false;
    }
    this.#unreported--;
    this.#batches.settle(step);
    this.#known = taken.batches.at(0)?.batch;
    const raw = await taken.loss();
    state.smoothedLoss = EMA_BETA * state.smoothedLoss + (1 - EMA_BETA) * raw;
    const smoothed = state.smoothedLoss / (1 - EMA_BETA ** step);
    const losses = { "train/loss": smoothed, "train/loss_raw": raw };
    this.options.onStep(step, { ...taken.metrics, ...losses });
    return true;
  }

  /**
   * Takes back what was counted since the last good step, so that its micro-batches are learnt again
   * with a smaller scale; or ends the run, where that is not what it needs.
   */
  async #takeBack({ before, data, batches }: SubmittedStep<Data>): Promise<void> {
    const { pass, optimizer, rest, nameRows, ranks = SINGLE } = this.options;
    optimizer.takeBack(this.#unreported);
    this.#unreported = 0;
    pass.model.device.zero({ x: optimizer.guard });
    this.#state = { ...before, smoothedLoss: this.#state.smoothedLoss };
    const losses = await Promise.all(batches.map(async ({ loss }) => (await loss.values())[0]));
    // A loss is not scaled: one that is not finite has another reason.
    if (!await ranks.any(!losses.every(Number.isFinite)) && this.#lossScale.shrink()) {
      this.#batches.putBack(this.#state.step);
      this.options.onOverflow?.(before.step + 1, this.#lossScale.value);
      return;
    }
    const { loss, rows } = await culpritOf(
      ranks,
      batches.map(({ batch: { rows } }, i) => ({ loss: losses[i], rows })),
    );
    const more = rows.length > MOST_NAMED ? ` and ${rows.length - MOST_NAMED} more` : "";
    // On this the weights can be tried that are kept.
    const known = this.#known ?? batches.at(0)?.batch;
    if (known) pass.batch.write(known.x, known.y);
    await rest(this.#at, data, "failed");
    throw new UserError(
      `step ${before.step + 1} was not taken: ` +
        (loss === undefined ? "its gradients hold NaN or infinity" : `its loss is ${loss}`) +
        ` (${nameRows(rows.slice(0, MOST_NAMED))}${more})`,
    );
  }
}
