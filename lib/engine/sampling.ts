/**
 * How tokens are chosen from the model's distribution.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** The error for logits that are NaN or infinite: no token can be chosen from them. */
export function logitsError(): UserError {
  return new UserError(
    "the model's logits are not numbers: its weights hold NaN or infinity, or values so large that " +
      "they lead to it; use another checkpoint",
    { detail: { kind: "notFinite" } },
  );
}

/** How tokens are chosen; the operation `sample` of a device says in which order. */
export interface SamplingOptions {
  /** 0 takes the most likely token; 1, the default, samples from the model's distribution. */
  temperature?: number;
  /** Keep this many of the most likely tokens; 0, the default, keeps all. */
  topK?: number;
  /** Keep the most likely tokens up to this mass; 1, the default, keeps all. */
  topP?: number;
  /** Keep tokens of at least this share of the likeliest one's probability; 0 by default. */
  minP?: number;
  /** Row `r` draws its random numbers from seed + r; 42 by default. */
  seed?: number;
}

/**
 * The given options with the defaults for the rest.
 *
 * @throws {UserError} naming the option, for a value that it does not take.
 */
export function samplingOptions(given: SamplingOptions = {}): Required<SamplingOptions> {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, seed = 42 } = given;
  checkOptions([
    [temperature >= 0 && temperature < Infinity, "temperature", "a number from 0", temperature],
    [Number.isInteger(topK) && topK >= 0, "top-k", "a whole number from 0 (off)", topK],
    [topP > 0 && topP <= 1, "top-p", "above 0 and at most 1 (off)", topP],
    [minP >= 0 && minP <= 1, "min-p", "a number from 0 (off) to 1", minP],
    [Number.isSafeInteger(seed) && seed >= 0, "seed", "a whole number from 0", seed],
  ]);
  return { temperature, topK, topP, minP, seed };
}

/** Whether an option has a value that it takes, its name, what it takes, and what it has. */
export type OptionRule = readonly [allowed: boolean, name: string, wanted: string, value: number];

/**
 * Holds options to their rules.
 *
 * @throws {UserError} naming the first that breaks its own.
 */
export function checkOptions(rules: readonly OptionRule[]): void {
  for (const [allowed, name, wanted, value] of rules) {
    if (!allowed) throw new UserError(`${name} must be ${wanted}, but is ${value}`);
  }
}
