import { assertEquals } from "@std/assert";
import { baseOptions } from "../../cli/options.ts";
import { baseConfig, type BaseOptions } from "../../lib/base/mod.ts";

Deno.test("the width is rounded up to whole heads", () => {
  const shape = (given: Partial<BaseOptions>) => {
    const { nEmbd, nHead, nLayer } = baseConfig(baseOptions(given), 1000);
    return [nLayer, nHead, nEmbd];
  };
  assertEquals(shape({}), [4, 2, 256]);
  assertEquals(shape({ depth: 3 }), [3, 2, 256]);
  assertEquals(shape({ depth: 4, aspectRatio: 32, headDim: 32 }), [4, 4, 128]);
});
