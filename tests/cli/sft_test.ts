import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ValidationError } from "@cliffy/command";
import { sftOptions } from "../../cli/options.ts";
import { sftCommand } from "../../cli/sft.ts";
import { UserError } from "../../lib/errors.ts";
import { type RunIo, START } from "../../lib/training/mod.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";

/** What the run is given for a command line. */
async function parse(...args: string[]): Promise<{ options: SftOptions; io: RunIo }> {
  return await parseAs(false, ...args);
}

/** The same; the run says whether it was the demonstration. */
async function parseAs(
  isDemo: boolean,
  ...args: string[]
): Promise<{ options: SftOptions; io: RunIo }> {
  let given: { options: SftOptions; io: RunIo } | undefined;
  const command = sftCommand((options, io) => {
    given = { options, io };
    return Promise.resolve({
      directory: "",
      tag: "d2",
      at: START,
      savedStep: undefined,
      metrics: {},
      isDemo,
    });
  });
  await command.noExit().parse(args);
  return given!;
}

Deno.test("without flags the run gets nanochat's defaults", async () => {
  const { options, io } = await parse();
  assertEquals(options, sftOptions());
  assertEquals(io.signal.aborted, false);
  assertEquals(io.terminal.quiet, false);
});

Deno.test("sft hands its flags on", async () => {
  const wanted: Partial<Omit<SftOptions, "given">> = {
    run: "mine",
    deviceType: "cpu",
    threads: 2,
    blas: "auto",
    modelTag: "d4",
    modelStep: 300,
    loadOptimizer: false,
    resume: true,
    numIterations: 400,
    maxSeqLen: 512,
    deviceBatchSize: 4,
    totalBatchSize: 4096,
    embeddingLr: 0.3,
    unembeddingLr: 0.008,
    matrixLr: 0.02,
    initLrFrac: 0.7,
    warmupRatio: 0.1,
    warmdownRatio: 0.4,
    finalLrFrac: 0.05,
    evalEvery: 10,
    evalTokens: 16384,
    saveEvery: 5,
    saveBest: true,
    keep: 3,
    chatcoreEvery: -1,
    chatcoreMaxCat: 100,
    chatcoreMaxSample: -1,
    mmluEpochs: 1,
    gsm8kEpochs: 2,
    simpleSpellingSize: 0,
    spellingBeeSize: 10,
    data: ["own.jsonl:3"],
    mixture: "mixture.json",
  };
  const flags = Object.entries(wanted).flatMap(([field, value]) => {
    const flag = `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (field === "resume" || field === "saveBest") return [flag];
    return [flag, String(field === "loadOptimizer" ? Number(value) : value)];
  });
  const { given, ...options } = (await parse(...flags)).options;
  assertEquals({ ...options, given: [] }, { ...sftOptions(), ...wanted });
  assertEquals(given.toSorted(), Object.keys(wanted).toSorted());
});

Deno.test("--data may be given several times", async () => {
  const { options } = await parse("--data", "a.jsonl", "--data", "b.jsonl:2");
  assertEquals(options.data, ["a.jsonl", "b.jsonl:2"]);
});

Deno.test("--quiet makes the terminal quiet, and an empty device type means none", async () => {
  const { options, io } = await parse("--quiet", "--device-type", "");
  assertEquals(io.terminal.quiet, true);
  assertEquals(options.deviceType, undefined);
});

Deno.test("a wrong flag or value is an error that names it", async () => {
  await assertRejects(() => parse("--epochs", "3"), ValidationError, "--epochs");
  await assertRejects(() => parse("--eval-every", "often"), ValidationError, "--eval-every");
  for (
    const [flag, value] of [
      ["--eval-every", "0"],
      ["--load-optimizer", "2"],
      ["--data", "own.jsonl:0"],
      ["--device-type", "tpu"],
    ]
  ) {
    await assertRejects(() => parse(flag, value), UserError, flag);
  }
});

Deno.test("after the demonstration it says what to try next, and only then", async () => {
  const writeSync = Deno.stdout.writeSync;
  let printed = "";
  Deno.stdout.writeSync = (bytes) => {
    printed += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  try {
    await parseAs(false);
    assertEquals(printed, "");
    await parseAs(true);
  } finally {
    Deno.stdout.writeSync = writeSync;
  }
  assertStringIncludes(printed, 'Next: add "chat"');
});
