import { assertEquals, assertThrows } from "@std/assert";
import { BASE_DEFAULTS, baseConfig, type BaseOptions, baseOptions } from "../../lib/base/mod.ts";
import { UserError } from "../../lib/errors.ts";

Deno.test("absent options take the defaults", () => {
  assertEquals(baseOptions({ depth: undefined }), BASE_DEFAULTS);
});

Deno.test("wrong values are refused by the name of their flag", () => {
  const wrong: [Partial<BaseOptions>, string][] = [
    [{ depth: 0 }, "--depth must be a whole number from 1, but is 0"],
    [{ headDim: 33 }, "--head-dim must be an even whole number"],
    [{ modelTag: "a/b" }, "--model-tag must be the name of a checkpoint's folder"],
    [{ windowPattern: "SX" }, "--window-pattern must be letters L and S"],
    [{ warmupRatio: 0.5, warmdownRatio: 0.6 }, "--warmdown-ratio must be at most 1 together"],
    [{ saveDtype: "int8" as "float32" }, "--save-dtype must be float32 or bfloat16"],
    [{ deviceType: "cuda" as "cpu" }, "--device-type must be webgpu or cpu"],
  ];
  for (const [given, message] of wrong) {
    assertThrows(() => baseOptions(given), UserError, message);
  }
});

Deno.test("the width is rounded up to whole heads", () => {
  const shape = (given: Partial<BaseOptions>) => {
    const { nEmbd, nHead, nLayer } = baseConfig(baseOptions(given), 1000);
    return [nLayer, nHead, nEmbd];
  };
  assertEquals(shape({}), [4, 2, 256]);
  assertEquals(shape({ depth: 3 }), [3, 2, 256]);
  assertEquals(shape({ depth: 4, aspectRatio: 32, headDim: 32 }), [4, 4, 128]);
});
