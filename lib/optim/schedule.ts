/**
 * How learning rate and momentum coefficient change over a run.
 *
 * @module
 */

/** Shape of the learning-rate schedule, as fractions of the run. */
export interface ScheduleOptions {
  /** Share of the run over which the rate rises. */
  warmupRatio: number;
  /** Share at the end over which it falls. */
  warmdownRatio: number;
  /** What it falls to. */
  finalLrFrac: number;
}

/**
 * The learning-rate multiplier at a progress in [0, 1]: rising over the warm-up, 1, then linear to
 * `finalLrFrac`. Never leaves [0, 1].
 *
 * @example
 * ```ts
 * import { lrMultiplier } from "@nanochat/sft/optim";
 * import { assertEquals } from "@std/assert";
 * const options = { warmupRatio: 0, warmdownRatio: 0.5, finalLrFrac: 0 };
 * assertEquals([0, 0.5, 0.75, 1].map((p) => lrMultiplier(p, options)), [1, 1, 0.5, 0]);
 * ```
 */
export function lrMultiplier(progress: number, options: ScheduleOptions): number {
  const { warmupRatio, warmdownRatio, finalLrFrac } = options;
  const p = Math.min(1, Math.max(0, progress));
  if (p < warmupRatio) return Math.min(1, (p + 1e-8) / warmupRatio);
  if (p <= 1 - warmdownRatio) return 1;
  const fallen = (p - (1 - warmdownRatio)) / warmdownRatio;
  return (1 - fallen) + fallen * finalLrFrac;
}

/**
 * The learning-rate multiplier of a step in a run of so many: while the rate rises it is the one
 * after the step, else the one before, as in nanochat's pretraining. So no step is spent at the
 * rate 0 that the rise begins with, and none at the one that the fall ends with.
 *
 * @param step From 0.
 * @param steps All of the run, from 1.
 */
export function stepMultiplier(step: number, steps: number, options: ScheduleOptions): number {
  const rising = options.warmupRatio * steps;
  return step < rising ? Math.min(1, (step + 1) / rising) : lrMultiplier(step / steps, options);
}

/** Muon's momentum coefficient at an optimizer step (from 0): 0.85 to 0.95 over the first 300. */
export function momentumCoefficient(step: number): number {
  const risen = Math.min(1, step / 300);
  return (1 - risen) * 0.85 + risen * 0.95;
}
