/** What a run that goes on knows of itself. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { wordError } from "../../cli/errors.ts";
import { UserError } from "../../lib/errors.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { type WatchedRun, watchRun } from "./run_helpers.ts";

const FLAGS: Partial<SftOptions> = {
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 2,
  totalBatchSize: 256,
  numIterations: 6,
  matrixLr: 0.005,
  initLrFrac: 0.5,
  evalEvery: -1,
  evalTokens: 256,
  chatcoreEvery: -1,
  mmluEpochs: 1,
  gsm8kEpochs: 2,
  simpleSpellingSize: 0,
  spellingBeeSize: 0,
};

const steps = ({ metrics }: WatchedRun) =>
  metrics.filter((line) => "train/loss" in line)
    .map((line) => [line.step, line["train/loss_raw"], line["train/lrm"]]);

async function weights({ result }: WatchedRun): Promise<Uint8Array[]> {
  const names = ["model", "optimizer"].map((name) => `step_${result.at.step}_${name}.pt`);
  return await Promise.all(names.map((name) => Deno.readFile(join(result.directory, name))));
}

async function withBaseDirs(count: number, run: (...baseDirs: string[]) => Promise<void>) {
  const baseDirs = await Promise.all(Array.from({ length: count }, () => smallBaseDir()));
  await run(...baseDirs);
  for (const baseDir of baseDirs) await Deno.remove(baseDir, { recursive: true });
}

Deno.test("a run goes on with all it was told, without being told again", () =>
  withBaseDirs(2, async (whole, stopped) => {
    const uninterrupted = await watchRun(whole, FLAGS);
    const first = await watchRun(stopped, FLAGS, 2);
    assert(first.result.at.step < 6);
    const second = await watchRun(stopped, { resume: true });
    assertEquals(steps(second), steps(uninterrupted));
    assertEquals(await weights(second), await weights(uninterrupted));
    const config = async ({ result }: WatchedRun) => {
      const path = join(result.directory, "step_6_meta.json");
      const { user_config: config } = JSON.parse(await Deno.readTextFile(path));
      // Said for this start alone.
      const { resume: _, load_optimizer: __, ...kept } = config;
      return kept;
    };
    assertEquals(await config(second), await config(uninterrupted));
  }));

Deno.test("what is said anew takes the place of what was said, with a note", () =>
  withBaseDirs(1, async (baseDir) => {
    await watchRun(baseDir, FLAGS, 2);
    const { lines, result } = await watchRun(baseDir, {
      resume: true,
      matrixLr: 0.001,
      evalTokens: 128,
      initLrFrac: 0.5,
    });
    const notes = lines.filter((line) => line.startsWith("NOTE"));
    assertEquals(notes.length, 2, notes.join("\n"));
    assertStringIncludes(notes.join("\n"), "matrix_lr=0.001 takes the place of the run's 0.005");
    assertEquals(result.at.step, 6);
  }));

Deno.test("a finished run says so and stays as it is", () =>
  withBaseDirs(1, async (baseDir) => {
    const first = await watchRun(baseDir, FLAGS);
    const files = await weights(first);
    const { lines, result } = await watchRun(baseDir, { resume: true });
    assertEquals(lines.length, 1);
    assertStringIncludes(lines[0], "is finished: it ended with step 6");
    assertEquals(result.at.step, 6);
    assertEquals(await weights(first), files);
  }));

Deno.test("a finished run without validation says that it is finished too", () =>
  withBaseDirs(1, async (baseDir) => {
    const row = (answer: string) =>
      JSON.stringify([
        { role: "user", content: "Hi" },
        { role: "assistant", content: answer },
      ]) + "\n";
    await Deno.writeTextFile(join(baseDir, "train.jsonl"), row("Hello!").repeat(40));
    await Deno.writeTextFile(join(baseDir, "empty.jsonl"), row(""));
    const mixture = join(baseDir, "mixture.json");
    const file = (name: string) => [{ file: name }];
    const recipe = { train: file("train.jsonl"), validation: file("empty.jsonl") };
    await Deno.writeTextFile(mixture, JSON.stringify(recipe));
    const first = await watchRun(baseDir, { ...FLAGS, mixture });
    const files = await weights(first);
    const { lines } = await watchRun(baseDir, { resume: true });
    assertStringIncludes(lines.at(-1)!, "is finished: it ended with step 6");
    assertEquals(await weights(first), files);
  }));

Deno.test("a checkpoint has the bits per byte of its own step, and a finished run is measured", () =>
  withBaseDirs(1, async (baseDir) => {
    const flags = { ...FLAGS, numIterations: 3, saveEvery: 1, evalEvery: 2 };
    const { result, metrics } = await watchRun(baseDir, flags);
    const meta = (step: number) => join(result.directory, `step_${step}_meta.json`);
    const bpbOf = async (step: number) =>
      JSON.parse(await Deno.readTextFile(meta(step))).val_bpb as number | null;
    const measured = (at: number) =>
      metrics.find((line) => line.step === at && "val/bpb" in line)!["val/bpb"];
    assertEquals(
      [await bpbOf(1), await bpbOf(2), await bpbOf(3)],
      [null, measured(2), measured(3)],
    );
    // As it is where the last validation was broken off.
    const { val_bpb: _, ...rest } = JSON.parse(await Deno.readTextFile(meta(3)));
    await Deno.writeTextFile(meta(3), JSON.stringify({ ...rest, val_bpb: null }));
    const { lines } = await watchRun(baseDir, { resume: true });
    assertStringIncludes(lines.at(-1)!, "is finished: it ended with step 3");
    assertEquals(await bpbOf(3), measured(3));
  }));

Deno.test("a longer run follows its own schedule, and says where in it it stands", () =>
  withBaseDirs(1, async (baseDir) => {
    await watchRun(baseDir, FLAGS);
    const { lines, ...run } = await watchRun(baseDir, { resume: true, numIterations: 8 });
    const line = lines.find((line) => line.includes("schedule of 8 steps"));
    assertStringIncludes(line ?? lines.join("\n"), "step 6 is 75.0% of it");
    // nanochat's: 1 for the first half, then down to 0.
    assertEquals(steps({ lines, ...run }).slice(6).map(([step, , lrm]) => [step, lrm]), [
      [7, 0.5],
      [8, 0.25],
    ]);
  }));

Deno.test("weights that give no finite loss are not saved, and the run goes on from those before", () =>
  withBaseDirs(1, async (baseDir) => {
    const flags = { ...FLAGS, numIterations: 8, saveEvery: 2 };
    await watchRun(baseDir, flags, 3);
    // Finite, and far too large to compute with.
    const wild = { resume: true, embeddingLr: 1e30, matrixLr: 1e30, initLrFrac: 1 };
    const error = await assertRejects(() => watchRun(baseDir, wild), UserError);
    const message = wordError(error, "sft");
    const [, saved] = /saved up to step (\d+): --resume --model-tag d2/.exec(message) ?? [];
    assert(Number(saved) >= 3, message);
    assertEquals(message.includes("\n"), false);
    const { result, ...run } = await watchRun(baseDir, {
      resume: true,
      embeddingLr: 0.01,
      matrixLr: 0.005,
      initLrFrac: 0.5,
    });
    assertEquals(result.at.step, 8);
    assert(steps({ result, ...run }).every(([, loss]) => Number.isFinite(loss)));
  }));

Deno.test("an epoch's run goes on to the end of the epoch, and can be cut to a number", () =>
  withBaseDirs(2, async (whole, stopped) => {
    const flags = { ...FLAGS, numIterations: -1, gsm8kEpochs: 1 };
    const uninterrupted = await watchRun(whole, flags);
    await watchRun(stopped, flags, 2);
    const second = await watchRun(stopped, { resume: true });
    assertEquals(steps(second), steps(uninterrupted));
    assertEquals(await weights(second), await weights(uninterrupted));
  }));

Deno.test("a run goes on from another folder with the same files of its own", () =>
  withBaseDirs(1, async (baseDir) => {
    const data = join(baseDir, "own.jsonl");
    const line = JSON.stringify([
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello!" },
    ]);
    await Deno.writeTextFile(data, `${line}\n`.repeat(3));
    const here = Deno.cwd();
    Deno.chdir(baseDir);
    try {
      await watchRun(baseDir, { ...FLAGS, data: ["own.jsonl:2"] }, 2);
    } finally {
      Deno.chdir(here);
    }
    const { result } = await watchRun(baseDir, { resume: true });
    assertEquals(result.at.step, 6);
  }));

Deno.test("the demonstration goes on where it was stopped", async () => {
  const baseDir = await Deno.makeTempDir();
  const flags: Partial<SftOptions> = {
    deviceType: "cpu",
    numIterations: 3,
    evalTokens: 4096,
    chatcoreMaxCat: 8,
    chatcoreMaxSample: 1,
    totalBatchSize: 512,
    deviceBatchSize: 1,
  };
  const first = await watchRun(baseDir, flags, 1);
  assert(first.result.at.step < 3);
  const second = await watchRun(baseDir, { resume: true });
  assertEquals(second.result.directory, join(baseDir, "demo/chatsft_checkpoints/d4"));
  assertEquals(second.result.at.step, 3);
  await Deno.remove(baseDir, { recursive: true });
});
