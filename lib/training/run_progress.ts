/**
 * How far a run is, and how it ends.
 *
 * @module
 */
import type { LossScaleState } from "./loss_scale.ts";

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
  /** Where the scale of the loss stands, in float16. */
  lossScale?: LossScaleState;
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
