/**
 * Stand-in for `jsr:@std/assert` where JSR cannot be reached: the assertions this package's tests
 * use, with the real signatures. `assertEquals` is a little stricter than the real one: it tells
 * `0` from `-0`.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";

/** Longest rendering of a value in a failure message, in characters. */
const MAX_SHOWN = 2000;

/** A class, as the assertions on errors take it. */
// deno-lint-ignore no-explicit-any
type ErrorConstructor<E extends Error> = abstract new (...args: any[]) => E;

/** Any class. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor = abstract new (...args: any[]) => any;

/** The instance type of a class. */
export type GetConstructorType<T extends AnyConstructor> = InstanceType<T>;

/** Thrown by every assertion that fails. */
export class AssertionError extends Error {
  /** Takes the message to show. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

function show(value: unknown): string {
  const text = Deno.inspect(value, {
    depth: 6,
    iterableLimit: 200,
    strAbbreviateSize: MAX_SHOWN,
  });
  return text.length > MAX_SHOWN ? text.slice(0, MAX_SHOWN) + "…" : text;
}

function check(ok: boolean, expectation: string, msg?: string): void {
  if (!ok) throw new AssertionError(`${expectation}${msg ? `: ${msg}` : "."}`);
}

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Fails unless `expr` is falsy. */
export function assertFalse(
  expr: unknown,
  msg = "",
): asserts expr is false | 0 | "" | null {
  if (expr) throw new AssertionError(msg);
}

/** Whether two values are deeply equal. */
export function equal(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b);
}

/** Fails unless the values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  check(
    false,
    `Values are not equal\n  actual: ${show(actual)}\nexpected: ${show(expected)}`,
    msg,
  );
}

/** Fails if the values are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  check(
    !equal(actual, expected),
    `Expected actual not to be equal to: ${show(expected)}`,
    msg,
  );
}

/** Fails unless the values are the same. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  check(
    false,
    `Values are not the same: ${show(actual)}, expected ${show(expected)}`,
    msg,
  );
}

/** Fails if the values are the same. */
export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(
    !Object.is(actual, expected),
    `Expected another value than ${show(expected)}`,
    msg,
  );
}

/** Fails unless |actual − expected| ≤ tolerance, by default 1e-7 of the expected value. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const delta = Math.abs(expected - actual);
  tolerance ??= isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7;
  const text = `Expected ${actual} to be close to ${expected}: delta ${delta} > ${tolerance}`;
  check(delta <= tolerance, text, msg);
}

/** Fails if the value is `null` or `undefined`. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  check(
    actual !== null && actual !== undefined,
    `Expected a value, got ${actual}`,
    msg,
  );
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  check(actual > expected, `Expected ${show(actual)} > ${show(expected)}`, msg);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(
    actual >= expected,
    `Expected ${show(actual)} >= ${show(expected)}`,
    msg,
  );
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  check(actual < expected, `Expected ${show(actual)} < ${show(expected)}`, msg);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  check(
    actual <= expected,
    `Expected ${show(actual)} <= ${show(expected)}`,
    msg,
  );
}

/** Fails unless the value is an instance of the class. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is GetConstructorType<T> {
  check(
    actual instanceof expectedType,
    `Expected an instance of ${expectedType.name}`,
    msg,
  );
}

/** Fails unless the text contains the other. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  check(
    actual.includes(expected),
    `Expected ${show(actual)} to contain ${show(expected)}`,
    msg,
  );
}

/** Fails unless the text matches. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  check(
    expected.test(actual),
    `Expected ${show(actual)} to match ${expected}`,
    msg,
  );
}

/** Fails if the text matches. */
export function assertNotMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  check(
    !expected.test(actual),
    `Expected ${show(actual)} not to match ${expected}`,
    msg,
  );
}

type ArrayLikeArg<T> = ArrayLike<T> & object;

/** Fails unless every expected element is, by deep equality, among the actual ones. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const missing = Array.from(expected).filter((e) => !Array.from(actual).some((a) => equal(a, e)));
  check(
    missing.length === 0,
    `Missing from ${show(actual)}: ${show(missing)}`,
    msg,
  );
}

/** Fails unless the value is an error of the class whose message contains the text. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorConstructor<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  check(error instanceof Error, `Expected an Error, got ${show(error)}`, msg);
  const { message, name } = error as Error;
  if (ErrorClass !== undefined) {
    const text = `Expected error to be instance of "${ErrorClass.name}", but was "${name}"`;
    check(error instanceof ErrorClass, `${text} (${message})`, msg);
  }
  if (msgMatches === undefined) return;
  const matches = typeof msgMatches === "string"
    ? message.includes(msgMatches)
    : msgMatches.test(message);
  check(
    matches,
    `Expected error message to match ${show(msgMatches)}, but got "${message}"`,
    msg,
  );
}

/** Fails unless the function throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless the function throws an error of the class; returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  classOrMsg?: ErrorConstructor<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const isText = typeof classOrMsg === "string";
  try {
    fn();
  } catch (error) {
    if (classOrMsg !== undefined && !isText) {
      assertIsError(error, classOrMsg, msgIncludes, msg);
    }
    return error;
  }
  throw new AssertionError(
    `Expected function to throw: ${isText ? classOrMsg : msg ?? ""}`,
  );
}

/** Fails unless the promise rejects; resolves to what it rejected with. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/** Fails unless the promise rejects with an error of the class; resolves to it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorConstructor<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorConstructor<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const isText = typeof classOrMsg === "string";
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    throw new AssertionError("Function throws when expected to reject.", {
      cause: error,
    });
  }
  try {
    await promise;
  } catch (error) {
    if (classOrMsg !== undefined && !isText) {
      assertIsError(error, classOrMsg, msgIncludes, msg);
    }
    return error;
  }
  throw new AssertionError(
    `Expected function to reject: ${isText ? classOrMsg : msg ?? ""}`,
  );
}

/** Fails always. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${msg ? `: ${msg}` : "."}`);
}
