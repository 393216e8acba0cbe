/**
 * What the training loop works with.
 *
 * @module
 */
import type { Pass } from "../model/mod.ts";
import type { Optimizer, ScheduleOptions, ShardedOptimizer } from "../optim/mod.ts";
import type { StepMetrics } from "../tracking/mod.ts";
import type { RunIo } from "./io.ts";
import type { RunEnd, RunProgress } from "./run_progress.ts";

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

/** What the loop works with. `Data` is where the training data stands, whatever that is. */
export interface TrainingLoopOptions<Data>
  extends Pick<RunIo, "signal" | "stop" | "ranks" | "now"> {
  /** The model's pass over micro-batches. */
  pass: Pass;
  /** Its optimizer; of several ranks, the one they have together. */
  optimizer: Optimizer | ShardedOptimizer;
  /** The next micro-batch. */
  nextBatch(): TrainingBatch;
  /** Where the data stands before the next micro-batch. */
  dataState(): Data;
  /** Says which rows of the data they are, for a person. */
  nameRows(rows: readonly number[]): string;
  /** Micro-batches per step, of each rank. */
  accumulationSteps: number;
  /** Optimizer steps, or −1 to stop when the mixture was consumed once. */
  numIterations: number;
  /** The learning rate's course. */
  schedule: ScheduleOptions;
  /** Stops the loop after the micro-batch in progress; a step that is not whole is given up. */
  signal: AbortSignal;
  /** Called with the numbers of each step, in order. */
  onStep(step: number, metrics: StepMetrics): void;
  /** Called when gradients of a step passed float16, which is taken again with a smaller scale. */
  onOverflow?(step: number, lossScale: number): void;
  /** Whether {@link rest} is wanted before the next step; always so at the end. */
  isDue(step: number): boolean;
  /**
   * The place for evaluations and checkpoints: all steps so far are reported, the model's
   * parameters are those after step `at.step`, and the pass holds a micro-batch.
   */
  rest(at: RunProgress, data: Data, end?: RunEnd): Promise<void>;
  /** Whether the run has reached its end early; asked after each {@link rest}, of all ranks alike. */
  isOver?(): boolean;
}
