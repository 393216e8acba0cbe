import {
  assert,
  assertAlmostEquals,
  assertEquals,
  AssertionError,
  assertRejects,
  assertThrows,
} from "@std/assert";

Deno.test("the assertions tell equal from different, and say which", async () => {
  assertEquals({ a: [1, new Float32Array([2, NaN])] }, {
    a: [1, new Float32Array([2, NaN])],
  });
  assertThrows(() => assertEquals([1], [2]), AssertionError, "not equal");
  assertThrows(() => assertAlmostEquals(1, 1.1), AssertionError);
  assertAlmostEquals(1, 1.1, 0.2);
  const error = assertThrows(() => JSON.parse("{"), SyntaxError);
  assert(error.message.length > 0);
  assertThrows(
    () => assertThrows(() => JSON.parse("{"), RangeError),
    AssertionError,
  );
  assertThrows(() => assertThrows(() => 1), AssertionError);
  await assertRejects(
    () => Promise.reject(new TypeError("no")),
    TypeError,
    "no",
  );
  await assertRejects(
    () => assertRejects(() => Promise.resolve()),
    AssertionError,
  );
});
