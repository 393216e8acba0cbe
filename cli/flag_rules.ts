/**
 * Which values flags take, in words and as tests.
 *
 * @module
 */

import { isModelTag } from "../lib/checkpoint/mod.ts";

/** Which values a flag takes. */
export interface FlagRule<Value> {
  /** What is allowed, for the error. */
  wanted: string;
  /** Whether a value is. */
  allows(value: Value): boolean;
  /** Whether its values are kept from terminals and logs. */
  isSecret?: boolean;
}

/** A size. */
export const positive: FlagRule<number> = {
  wanted: "a whole number from 1",
  allows: (value) => Number.isInteger(value) && value >= 1,
};
/** A number of things. */
export const count: FlagRule<number> = {
  wanted: "a whole number from 0",
  allows: (value) => Number.isInteger(value) && value >= 0,
};
/** A size, or none. */
export const positiveOrMinusOne: FlagRule<number> = {
  wanted: "-1 or a whole number from 1",
  allows: (value) => value === -1 || positive.allows(value),
};
/** A size of two halves. */
export const evenSize: FlagRule<number> = {
  wanted: "an even whole number from 2",
  allows: (value) => positive.allows(value / 2),
};
/** A learning rate, a temperature. */
export const rate: FlagRule<number> = {
  wanted: "a number from 0",
  allows: (value) => Number.isFinite(value) && value >= 0,
};
/** A measure. */
export const positiveNumber: FlagRule<number> = {
  wanted: "a number above 0",
  allows: (value) => Number.isFinite(value) && value > 0,
};
/** A share of the whole. */
export const fraction: FlagRule<number> = {
  wanted: "a number from 0 to 1",
  allows: (value) => value >= 0 && value <= 1,
};
/** A share of the whole that is not nothing. */
export const positiveFraction: FlagRule<number> = {
  wanted: "a number above 0, at most 1",
  allows: (value) => value > 0 && value <= 1,
};
/** Where a program listens; 0 leaves the choice to the system. */
export const port: FlagRule<number> = {
  wanted: "a whole number from 0 to 65535",
  allows: (value) => count.allows(value) && value <= 65535,
};
/** What stands in a header of a request. */
export const apiKey: FlagRule<string> = {
  wanted: "letters, digits and signs of ASCII without spaces",
  allows: (value) => /^[!-~]+$/.test(value),
  isSecret: true,
};
/** Some words. */
export const notEmpty = (wanted: string): FlagRule<string> => ({
  wanted,
  allows: (value) => value !== "",
});
/** One of some words. */
export function oneOf<const Word extends string>(...words: Word[]): FlagRule<Word> {
  return {
    wanted: `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
    allows: (value) => words.includes(value),
  };
}
/** Letters of attention windows. */
export const windowLetters: FlagRule<string> = {
  wanted: "letters L and S",
  allows: (value) => /^[LS]+$/i.test(value),
};
/** The name of a model's folder. */
export const modelTag: FlagRule<string> = {
  wanted: "the name of a checkpoint's folder, such as d12",
  allows: isModelTag,
};
