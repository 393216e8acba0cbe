import nodeAssert from "node:assert/strict";
/** Same meaning as `assertEquals` of `jsr:@std/assert`. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, msg);
}
