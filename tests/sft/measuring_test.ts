/** Measuring never costs a run what it trained. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { wordError } from "../../cli/errors.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT } from "../../lib/model/mod.ts";
import { placeDemo } from "../../lib/sft/demo.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";
import { ChatcoreRun } from "../../lib/training/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { watchRun } from "./run_helpers.ts";

const FLAGS: Partial<SftOptions> = {
  deviceType: "cpu",
  maxSeqLen: 64,
  deviceBatchSize: 1,
  totalBatchSize: 64,
  numIterations: 4,
  saveEvery: 2,
  evalEvery: 2,
  evalTokens: 128,
  chatcoreEvery: 2,
  chatcoreMaxCat: 8,
  chatcoreMaxSample: 1,
  mmluEpochs: 0,
  gsm8kEpochs: 0,
  simpleSpellingSize: 200,
  spellingBeeSize: 0,
  loadOptimizer: false,
};

/** Replaces a method of a class for a while. */
async function replacing<Class extends object, Name extends keyof Class>(
  prototype: Class,
  name: Name,
  replacement: (original: Class[Name]) => Class[Name],
  run: () => Promise<void>,
): Promise<void> {
  const original = prototype[name];
  prototype[name] = replacement(original);
  try {
    await run();
  } finally {
    prototype[name] = original;
  }
}

Deno.test("a bad problem of ChatCORE is found before step 1", () =>
  inTempDir(async (dir) => {
    const baseDir = await placeDemo(dir);
    const path = join(baseDir, "task_data/allenai--ai2_arc/ARC-Easy/test/data.jsonl");
    const lines = (await Deno.readTextFile(path)).split("\n");
    lines[5] = "{}";
    await Deno.writeTextFile(path, lines.join("\n"));
    const flags = { ...FLAGS, chatcoreMaxCat: -1 };
    const error = await assertRejects(() => watchRun(baseDir, flags), UserError);
    const message = wordError(error, "sft");
    assertStringIncludes(message, "data.jsonl, row 5");
    assertStringIncludes(message, "ChatCORE cannot be measured");
    assertStringIncludes(message, "--chatcore-every -1");
    assertEquals(message.includes("\n"), false);
    assert(![...Deno.readDirSync(baseDir)].some(({ name }) => name === "chatsft_checkpoints"));
  }));

Deno.test("a measurement that fails on the way is a warning, and the run goes on", () =>
  inTempDir(async (dir) => {
    const baseDir = await placeDemo(dir);
    let measured = 0;
    const failing = () => () => {
      measured++;
      return Promise.reject(new UserError("no memory for it"));
    };
    await replacing(ChatcoreRun.prototype, "measure", failing, async () => {
      const { lines, result } = await watchRun(baseDir, FLAGS);
      assertEquals(measured, 2);
      assertEquals([result.at.step, result.savedStep], [4, 4]);
      const warnings = lines.filter((line) => line.includes("ChatCORE could not be measured"));
      assertEquals(warnings.length, 2);
      assertStringIncludes(warnings[0], "no memory for it");
      assertEquals("val_bpb" in result.metrics, true);
    });
  }));

Deno.test("a device that is lost ends the run with what is saved and how to go on", () =>
  inTempDir(async (dir) => {
    const baseDir = await placeDemo(dir);
    for (const kind of ["deviceLost", "memory"] as const) {
      const detail = kind === "memory" ? { kind, tensor: "x", bytes: 1 } as const : { kind };
      // Those that memory is planned with take fewer.
      const steps = new WeakMap<GPT, number>();
      const failing: (original: GPT["zeroGradients"]) => GPT["zeroGradients"] = (original) =>
        function (this: GPT) {
          const step = (steps.get(this) ?? 0) + 1;
          steps.set(this, step);
          if (step === 3) throw new UserError("the device is gone", { detail });
          original.call(this);
        };
      await replacing(GPT.prototype, "zeroGradients", failing, async () => {
        const flags = { ...FLAGS, chatcoreEvery: -1 };
        const error = await assertRejects(() => watchRun(baseDir, flags), UserError);
        const message = wordError(error, "sft");
        assertStringIncludes(message, "the device is gone");
        assertStringIncludes(message, "saved up to step 2: --resume --model-tag d4 goes on");
        assertEquals(message.includes("\n"), false);
      });
    }
    const { result } = await watchRun(baseDir, { resume: true });
    assertEquals(result.at.step, 4);
  }));
