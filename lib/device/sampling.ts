/**
 * What is said of drawing tokens.
 *
 * @module
 */
import type { Tensor } from "./tensor.ts";

/**
 * What `Operations.sample` gives for a row that is no distribution: one of its logits is NaN
 * or +∞, or all are −∞.
 */
export const NOT_NUMBERS: number = -1;

/** How `Operations.sample` chooses. */
export interface SamplingArgs {
  /** int32 (B): the chosen token of each row, or {@link NOT_NUMBERS}. */
  out: Tensor;
  /** (B, V) Logits, of which the first `vocabSize` columns count. */
  logits: Tensor;
  /** Number of real tokens; columns beyond are padding. */
  vocabSize: number;
  /** (B) Uniform numbers in [0, 1). */
  uniforms: Tensor;
  /** 0 takes the largest logit (the lowest index among equals), else logits are divided by it. */
  temperature: number;
  /** Keep the `topK` most likely; 0 keeps all. */
  topK: number;
  /** Of those, renormalised, keep the shortest prefix whose mass reaches `topP`; 1 keeps all. */
  topP: number;
  /** Keep tokens with at least `minP` times the probability of the most likely; 0 keeps all. */
  minP: number;
}
