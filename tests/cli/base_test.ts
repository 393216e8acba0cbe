import { assertEquals } from "@std/assert";
import { baseCommand } from "../../cli/base.ts";
import { tokTrainCommand } from "../../cli/tok_train.ts";
import { baseOptions } from "../../cli/options.ts";
import type { BaseOptions, TokTrainOptions } from "../../lib/base/mod.ts";

/** What the run is given for a command line. */
async function parse(
  ...args: string[]
): Promise<{ files: readonly string[]; options: BaseOptions }> {
  let given: { files: readonly string[]; options: BaseOptions } | undefined;
  const command = baseCommand((files, options) => {
    given = { files, options };
    return Promise.resolve({ step: 0, valBpb: undefined, tag: "d4", savedStep: undefined });
  });
  await command.noExit().parse(args);
  return given!;
}

Deno.test("base passes files and defaults on", async () => {
  const { files, options } = await parse("a.txt", "b.jsonl.gz");
  assertEquals(files, ["a.txt", "b.jsonl.gz"]);
  assertEquals(options, baseOptions());
});

Deno.test("base hands its flags on", async () => {
  const wanted: Partial<BaseOptions> = {
    depth: 6,
    aspectRatio: 32,
    headDim: 64,
    maxSeqLen: 256,
    windowPattern: "SL",
    modelTag: "small",
    numIterations: 100,
    deviceBatchSize: 4,
    totalBatchSize: 4096,
    embeddingLr: 0.2,
    unembeddingLr: 0.004,
    matrixLr: 0.01,
    weightDecay: 0.1,
    warmupRatio: 0.1,
    warmdownRatio: 0.5,
    finalLrFrac: 0.1,
    evalEvery: 10,
    evalTokens: 8192,
    saveEvery: 50,
    saveBest: true,
    keep: 3,
    saveDtype: "bfloat16",
    seed: 7,
    deviceType: "cpu",
    threads: 2,
    blas: "auto",
  };
  const args = Object.entries(wanted).flatMap(([field, value]) => {
    const flag = `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [flag] : [flag, String(value)];
  });
  const { options: { given, ...options } } = await parse("a.txt", ...args);
  assertEquals({ ...options, given: [] }, { ...baseOptions(), ...wanted });
  assertEquals(given.toSorted(), Object.keys(wanted).toSorted());
});

Deno.test("tok-train passes files and flags on", async () => {
  const runs: [readonly string[], TokTrainOptions][] = [];
  const command = () =>
    tokTrainCommand((files, options) => {
      runs.push([files, options]);
      return Promise.reject(new Error("not run"));
    }).noExit();
  for (
    const args of [["a.txt"], ["a", "b", "--vocab-size", "512", "--max-chars", "9", "--out", "o"]]
  ) {
    await command().parse(args).catch(() => {});
  }
  assertEquals(runs, [
    [["a.txt"], { vocabSize: 32768, maxChars: 2e9, out: undefined }],
    [["a", "b"], { vocabSize: 512, maxChars: 9, out: "o" }],
  ]);
});
