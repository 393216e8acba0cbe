import { assertEquals, assertRejects } from "@std/assert";
import { float16ToFloat32, type StoredDType, tensorFromArray } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { converted, type WeightDType } from "../../lib/export/convert.ts";

/** What becomes of numbers. */
async function convert(from: StoredDType, values: number[], dtype?: WeightDType) {
  const array = from === "float32" ? Float32Array.from(values) : Uint16Array.from(values);
  const tensors = new Map([["x", tensorFromArray(from, [values.length], array)]]);
  const tensor = converted(tensors, { dtype }).get("x")!;
  return { dtype: tensor.dtype, values: Array.from(await tensor.read(0, values.length), Number) };
}

Deno.test("a tensor keeps its type unless another is asked for", async () => {
  assertEquals(await convert("bfloat16", [0x3f80, 0x7fc1]), {
    dtype: "bfloat16",
    values: [0x3f80, 0x7fc1],
  });
  assertEquals(await convert("float32", [1 / 3]), {
    dtype: "float32",
    values: [Math.fround(1 / 3)],
  });
});

Deno.test("numbers become the nearest of the type", async () => {
  const third = [1 / 3, -65504, 2 ** -24, 2 ** -26, NaN];
  const { values } = await convert("float32", third, "float16");
  assertEquals(
    Array.from(float16ToFloat32(Uint16Array.from(values))),
    [0.333251953125, -65504, 2 ** -24, 0, NaN],
  );
  assertEquals((await convert("float32", [1 / 3], "bfloat16")).values, [0x3eab]);
  assertEquals((await convert("bfloat16", [0x3eab], "float32")).values, [0.333984375]);
  assertEquals((await convert("bfloat16", [0x3eab], "float16")).values, [0x3558]);
});

Deno.test("a number that is too large for the type is refused, infinity is not", async () => {
  await assertRejects(
    () => convert("float32", [1, 65520], "float16"),
    UserError,
    "x holds 65520, which is too large for float16",
  );
  await assertRejects(
    () => convert("float32", [-3.4e38], "bfloat16"),
    UserError,
    "too large for bfloat16",
  );
  assertEquals((await convert("float32", [Infinity], "float16")).values, [0x7c00]);
});

Deno.test("it is broken off when the signal says so", async () => {
  const controller = new AbortController();
  const tensors = new Map([["x", tensorFromArray("float32", [1], Float32Array.of(1))]]);
  const tensor = converted(tensors, { signal: controller.signal }).get("x")!;
  controller.abort();
  await assertRejects(() => tensor.read(0, 1), DOMException);
});
