/**
 * Which values flags take, and how wrong ones are refused.
 *
 * @module
 */

import { isModelTag } from "../checkpoint/mod.ts";
import type { DeviceOptions } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import type { ScheduleOptions } from "../optim/mod.ts";

/** Which numbers a flag takes, in words and as a test. */
export interface NumberRule {
  /** What is allowed, for the error. */
  wanted: string;
  /** Whether a number is. */
  allows(value: number): boolean;
}

/** A size. */
export const positive: NumberRule = {
  wanted: "a whole number from 1",
  allows: (value) => Number.isInteger(value) && value >= 1,
};
/** A number of things. */
export const count: NumberRule = {
  wanted: "a whole number from 0",
  allows: (value) => Number.isInteger(value) && value >= 0,
};
/** A size, or none. */
export const positiveOrMinusOne: NumberRule = {
  wanted: "-1 or a whole number from 1",
  allows: (value) => value === -1 || positive.allows(value),
};
/** A learning rate. */
export const rate: NumberRule = {
  wanted: "a number from 0",
  allows: (value) => Number.isFinite(value) && value >= 0,
};
/** A share of the whole. */
export const fraction: NumberRule = {
  wanted: "a number from 0 to 1",
  allows: (value) => value >= 0 && value <= 1,
};

/** The names of an object's numbers. */
export type NumberField<Options> = {
  [Field in keyof Options]: Options[Field] extends number | undefined ? Field : never;
}[keyof Options];

/**
 * Checks an object's numbers against a rule for each.
 *
 * @throws {UserError} naming the flag, for a value that it does not take.
 */
export function checkNumbers<Options>(
  options: Options,
  rules: Record<NumberField<Options> & string, NumberRule>,
): void {
  for (const [field, rule] of Object.entries<NumberRule>(rules)) {
    const value = options[field as keyof Options];
    if (value !== undefined && !rule.allows(value as number)) refuse(field, rule.wanted, value);
  }
}

/** The given options that are not undefined, with the defaults for the rest. */
export function withDefaults<Options extends object>(
  given: Partial<Options>,
  defaults: Readonly<Options>,
): Options {
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(present) };
}

/**
 * Checks that the learning rate does not have to rise and fall at once.
 *
 * @throws {UserError} if it would have to.
 */
export function checkSchedule({ warmupRatio, warmdownRatio }: ScheduleOptions): void {
  if (warmupRatio + warmdownRatio > 1) {
    refuse("warmdownRatio", "at most 1 together with --warmup-ratio", warmdownRatio);
  }
}

/**
 * Checks the words by which a device is chosen.
 *
 * @throws {UserError} naming the flag, for a value that it does not take.
 */
export function checkDeviceNames({ deviceType, blas }: DeviceOptions): void {
  if (![undefined, "webgpu", "cpu"].includes(deviceType)) {
    refuse("deviceType", "webgpu or cpu", deviceType);
  }
  if (blas === "") refuse("blas", "auto, off or the path of a library", blas);
}

/**
 * Checks the name of a model's folder.
 *
 * @throws {UserError} if it leads elsewhere.
 */
export function checkModelTag({ modelTag }: { modelTag?: string }): void {
  if (modelTag !== undefined && !isModelTag(modelTag)) {
    refuse("modelTag", "the name of a checkpoint's folder, such as d12", modelTag);
  }
}

/** The command line's spelling of a field: `gsm8kEpochs` is `--gsm8k-epochs`. */
export function flagOf(field: string): string {
  return `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Says that a flag does not take a value.
 *
 * @throws {UserError} always.
 */
export function refuse(field: string, wanted: string, value: unknown): never {
  throw new UserError(`${flagOf(field)} must be ${wanted}, but is ${JSON.stringify(value)}`);
}
