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
  /**
   * (B, 4) How each row is drawn: temperature, topK, topP, minP.
   *
   * - temperature: 0 takes the largest logit (the lowest index among equals), else logits are divided
   *   by it.
   * - topK: keep so many of the most likely; 0 keeps all.
   * - topP: of those, renormalised, keep the shortest prefix whose mass reaches it; 1 keeps all.
   * - minP: keep tokens with at least so many times the probability of the most likely; 0 keeps all.
   */
  choices: Tensor;
  /**
   * The largest topK of the rows, a temperature of 0 counting as 1; 0 where a row keeps all. It
   * changes nothing but where a device searches.
   */
  mostTopK: number;
}
