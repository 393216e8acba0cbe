import { assertEquals, assertThrows } from "@std/assert";
import { wordError } from "../../cli/errors.ts";
import type { CommandName } from "../../cli/flag.ts";
import {
  baseOptions,
  chatOptions,
  evalOptions,
  serveOptions,
  sftOptions,
} from "../../cli/options.ts";
import type { BaseOptions } from "../../lib/base/mod.ts";
import type { RunChatOptions } from "../../lib/chat/mod.ts";
import { type ErrorDetail, UserError } from "../../lib/errors.ts";
import type { ServeOptions } from "../../lib/serve/mod.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";
import type { EvalOptions } from "../../lib/training/mod.ts";

Deno.test("an error of a lower floor is worded with the flag that mends it", () => {
  const sizes = { totalBatchSize: 5000, deviceBatchSize: 4, maxSeqLen: 512 };
  const words = (message: string, detail: ErrorDetail, command: CommandName = "sft") =>
    wordError(new UserError(message, { detail }), command);
  assertEquals(
    words("?", { kind: "batchSize", worldSize: 1, ...sizes }),
    "--total-batch-size 5000 is no multiple of --device-batch-size 4 x --max-seq-len 512 = 2048 " +
      "tokens; 4096 would be",
  );
  assertEquals(
    words("There is none", { kind: "noModel" }, "serve"),
    "There is none; make a model with the command sft, or name one of the hub with --hub",
  );
  assertEquals(words("There is none", { kind: "noModel" }, "inspect"), "There is none");
  assertEquals(
    words("It is full", { kind: "memory", tensor: "x", bytes: 9 }),
    "It is full; lower --device-batch-size or --max-seq-len",
  );
  assertEquals(
    words("It is gone", { kind: "deviceLost" }),
    "It is gone; lower --device-batch-size or --max-seq-len, or run on the CPU with --device-type cpu",
  );
  assertEquals(
    words("It is gone", { kind: "deviceLost" }, "chat"),
    "It is gone; run on the CPU with --device-type cpu",
  );
  assertEquals(
    words("It is full", { kind: "memory", tensor: "x", bytes: 9 }, "chat"),
    "It is full",
  );
  assertEquals(
    words("It is full", { kind: "memory", tensor: "x", bytes: 9 }, "eval"),
    "It is full; lower --batch-size",
  );
  assertEquals(
    words("No GPU", { kind: "noAdapter" }),
    "No GPU; run on the CPU with --device-type cpu",
  );
  assertEquals(
    words("No Dawn", { kind: "noDawn" }),
    "No Dawn; take Deno's own with --webgpu deno, or run on the CPU with --device-type cpu",
  );
  const remedies = [
    ["map", "; say what its keys or speakers are called: --data-map messages=dialog,user=Customer"],
    ["merge", "; --data-merge joins them"],
  ] as const;
  for (const [remedy, advice] of remedies) {
    for (const command of ["sft", "inspect"] as const) {
      assertEquals(words("No form", { kind: "ownData", remedy }, command), `No form${advice}`);
    }
    assertEquals(words("No form", { kind: "ownData", remedy }, "eval"), "No form");
  }
  assertEquals(
    words("Others reach it", { kind: "noApiKey" }, "serve"),
    "Others reach it; say one with --api-key or NANOCHAT_API_KEY",
  );
  assertEquals(
    words("It is full", { kind: "memory", tensor: "x", bytes: 9 }, "serve"),
    "It is full; lower --batch-size or --cache-tokens",
  );
  assertEquals(words("Nothing there", { kind: "noRun" }), "Nothing there; start without --resume");
});

Deno.test("an error of a key does not show it", () => {
  const error = assertThrows(() => serveOptions({ source: "base", apiKey: "hush \n" }), UserError);
  assertEquals(
    error.message,
    "apiKey must be letters, digits and signs of ASCII without spaces",
  );
});

Deno.test("options left out or undefined take nanochat's defaults", () => {
  const defaults = sftOptions();
  const nanochats = {
    loadOptimizer: true,
    numIterations: -1,
    initLrFrac: 0.8,
    warmupRatio: 0,
    warmdownRatio: 0.5,
    finalLrFrac: 0,
    evalEvery: 200,
    evalTokens: 20971520,
    chatcoreEvery: 200,
    chatcoreMaxCat: -1,
    chatcoreMaxSample: 24,
    mmluEpochs: 3,
    gsm8kEpochs: 4,
    run: "dummy",
  };
  assertEquals({ ...defaults, ...nanochats }, defaults);
  assertEquals([defaults.matrixLr, defaults.given], [undefined, []]);
  const options = sftOptions({ numIterations: undefined, matrixLr: 0.02 });
  assertEquals(options, { ...defaults, matrixLr: 0.02, given: ["matrixLr"] });
  assertEquals(baseOptions({ depth: undefined }), baseOptions());
});

/** Values are refused in words that name the flag. */
function refuses<Given>(
  command: CommandName,
  make: (given: Given) => unknown,
  wrong: [Given, string][],
): void {
  for (const [given, message] of wrong) {
    const error = assertThrows(() => make(given), UserError);
    const line = wordError(error, command);
    assertEquals(line.slice(0, message.length), message);
    assertEquals(line.includes("\n"), false);
  }
}

Deno.test("a key that cannot be one is refused without being shown", () => {
  const error = assertThrows(() => serveOptions({ apiKey: "two words" }), UserError);
  const wanted = "letters, digits and signs of ASCII without spaces";
  assertEquals(wordError(error, "serve"), `--api-key must be ${wanted}`);
});

Deno.test("a value out of range is refused by the name of its flag", () => {
  refuses<Partial<SftOptions>>("sft", sftOptions, [
    [{ numIterations: 0 }, "--num-iterations must be -1 or a whole number from 1, but is 0"],
    [{ deviceBatchSize: 1.5 }, "--device-batch-size must be a whole number from 1, but is 1.5"],
    [{ gsm8kEpochs: -1 }, "--gsm8k-epochs must be a whole number from 0, but is -1"],
    [{ matrixLr: -0.1 }, "--matrix-lr must be a number from 0, but is -0.1"],
    [{ warmupRatio: 0.6 }, "--warmdown-ratio must be at most 1 together with --warmup-ratio"],
    [{ modelTag: "../d4" }, "--model-tag must be the name of a checkpoint's folder"],
    [{ modelTag: ".." }, "--model-tag must be"],
    [{ deviceType: "cuda" as "cpu" }, '--device-type must be webgpu or cpu, but is "cuda"'],
    [{ initLrFrac: NaN }, "--init-lr-frac"],
    [{ data: ["own.jsonl:0"] }, "--data must be a file, or file:epochs with a whole number from 1"],
    [{ dataMap: "speech=dialog" }, "--data-map must be pairs such as messages=dialog,role=speaker"],
    [{ mixture: "" }, "--mixture must be the path of a file"],
    [{ blas: "" }, "--blas must be auto, off or the path of a library"],
    [{ run: "" }, "--run must be a name"],
    [{ source: "chat" as "sft" }, "--source must be base, mid, sft or rl"],
    [{ resume: true, source: "rl" }, "give either --resume or --source, not both"],
  ]);
  refuses<Partial<BaseOptions>>("base", baseOptions, [
    [{ depth: 0 }, "--depth must be a whole number from 1, but is 0"],
    [{ headDim: 33 }, "--head-dim must be an even whole number"],
    [{ modelTag: "a/b" }, "--model-tag must be the name of a checkpoint's folder"],
    [{ windowPattern: "SX" }, "--window-pattern must be letters L and S"],
    [{ warmupRatio: 0.5, warmdownRatio: 0.6 }, "--warmdown-ratio must be at most 1 together"],
    [{ saveDtype: "int8" as "float32" }, "--save-dtype must be float32 or bfloat16"],
    [{ deviceType: "cuda" as "cpu" }, "--device-type must be webgpu or cpu"],
  ]);
  refuses<Partial<RunChatOptions>>("chat", chatOptions, [
    [{ topP: 0 }, "--top-p must be a number above 0, at most 1, but is 0"],
    [{ seed: -1 }, "--seed must be"],
  ]);
  refuses<Partial<ServeOptions>>("serve", serveOptions, [
    [{ port: 65536 }, "--port must be a whole number from 0 to 65535, but is 65536"],
    [{ queue: -1 }, "--queue must be a whole number from 0, but is -1"],
  ]);
  refuses<Partial<EvalOptions>>("eval", evalOptions, [
    [{ maxProblems: 0 }, "--max-problems must be"],
    [{ temperature: -1 }, "--temperature must be"],
    [{ source: "dpo" as "sft" }, "--source must be base, mid, sft or rl"],
    [{ deviceType: "tpu" as "cpu" }, "--device-type must be"],
    [{ json: true, markdown: true }, "give either --json or --markdown, not both"],
  ]);
});
