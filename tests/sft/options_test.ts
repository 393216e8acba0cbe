import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { flagOf } from "../../lib/training/flag_rules.ts";
import { SFT_DEFAULTS, type SftOptions, sftOptions } from "../../lib/sft/options.ts";

Deno.test("options left out or undefined take nanochat's defaults", () => {
  assertEquals(sftOptions(), SFT_DEFAULTS);
  const options = sftOptions({ numIterations: undefined, matrixLr: 0.02 });
  assertEquals(options, { ...SFT_DEFAULTS, matrixLr: 0.02 });
  assertEquals(options.evalTokens, 20971520);
});

Deno.test("a value out of range is refused by the name of its flag", () => {
  const wrong: [Partial<SftOptions>, string][] = [
    [{ numIterations: 0 }, "--num-iterations must be -1 or a whole number from 1, but is 0"],
    [{ deviceBatchSize: 1.5 }, "--device-batch-size must be a whole number from 1, but is 1.5"],
    [{ gsm8kEpochs: -1 }, "--gsm8k-epochs must be a whole number from 0, but is -1"],
    [{ matrixLr: -0.1 }, "--matrix-lr must be a number from 0, but is -0.1"],
    [{ warmupRatio: 0.6 }, "--warmdown-ratio must be at most 1 together with --warmup-ratio"],
    [{ modelTag: "../d4" }, "--model-tag must be the name of a checkpoint's folder"],
    [{ modelTag: ".." }, "--model-tag must be"],
    [{ deviceType: "cuda" as "cpu" }, '--device-type must be webgpu or cpu, but is "cuda"'],
    [{ initLrFrac: NaN }, "--init-lr-frac"],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => sftOptions(options), UserError, message);
  }
});

Deno.test("fields are flags in kebab case", () => {
  assertEquals(flagOf("gsm8kEpochs"), "--gsm8k-epochs");
  assertEquals(flagOf("simpleSpellingSize"), "--simple-spelling-size");
});
