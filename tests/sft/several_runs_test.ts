/** Several runs under one tag: at once, one after the other, and what is left of each. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { findCheckpoint, readMeta, RunLock } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { sftOptions } from "../../cli/options.ts";
import { inspectCheckpoint } from "../../lib/inspect/mod.ts";
import { runSft, type SftOptions } from "../../lib/sft/mod.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { watchRun } from "./run_helpers.ts";

const FLAGS: Partial<SftOptions> = {
  maxSeqLen: 64,
  deviceBatchSize: 2,
  totalBatchSize: 128,
  numIterations: 4,
  evalEvery: -1,
  evalTokens: 128,
  chatcoreEvery: -1,
  simpleSpellingSize: 0,
  spellingBeeSize: 0,
  deviceType: "cpu",
  threads: 1,
};

Deno.test("a newer run is gone on with and found, not the higher step of an older one", async () => {
  const baseDir = await smallBaseDir();
  const folder = join(baseDir, "chatsft_checkpoints/d2");
  const older = await watchRun(baseDir, FLAGS);
  const newer = await watchRun(baseDir, { ...FLAGS, saveEvery: 1 }, 1);
  const { step } = newer.result.at;
  assert(step < 4);
  assertEquals((await findCheckpoint(baseDir, { source: "sft" })).step, step);
  // The log of each is there.
  const read = (name: string) => Deno.readTextFile(join(folder, name));
  const lines = older.metrics.map((line) => JSON.stringify(line) + "\n").join("");
  assertEquals(await read("metrics.1.jsonl"), lines);
  const console = new MemoryTerminal();
  const { signal } = new AbortController();
  const io = { terminal: console.terminal, signal, baseDir, env: () => undefined, now: () => 0 };
  await inspectCheckpoint({ source: "sft" }, io);
  assertEquals(console.lines[0], `Model        ${join(folder, `step_${step}_model.pt`)}`);
  assert(newer.lines.some((line) => line.startsWith("warning: ") && line.includes("step 4")));

  const resumed = await watchRun(baseDir, { ...FLAGS, saveEvery: 1, resume: true });
  assert(resumed.lines.includes(`Resuming ${join(folder, `step_${step}_model.pt`)}`));
  assertEquals(resumed.result.at.step, 4);
  const runOf = async (step: number) =>
    (await readMeta(join(folder, `step_${step}_meta.json`))).raw.run as { id: string };
  assertEquals((await runOf(4)).id, (await runOf(1)).id);
  const losses = resumed.metrics.filter((line) => "train/loss" in line);
  assertEquals(losses.map((line) => line.step), [1, 2, 3, 4]);
  assertEquals(await read("metrics.1.jsonl"), lines);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("a run that ended before it saved is said, and its log is not taken for the older one's", async () => {
  const baseDir = await smallBaseDir();
  const folder = join(baseDir, "chatsft_checkpoints/d2");
  const older = await watchRun(baseDir, { ...FLAGS, saveEvery: 1 }, 2);
  const { step } = older.result.at;
  {
    // As far as it came before it was killed.
    const log = JSON.stringify({ step: 0, run: "killed" }) + '\n{"step":1,"train/loss_raw":9}\n';
    await Deno.rename(join(folder, "metrics.jsonl"), join(folder, "metrics.1.jsonl"));
    await Deno.writeTextFile(join(folder, "metrics.jsonl"), log);
  }
  const { lines, metrics } = await watchRun(baseDir, { ...FLAGS, saveEvery: 1, resume: true });
  assert(lines.includes(
    `warning: the last run in ${folder} ended before it saved anything; ` +
      `this is an earlier one, at step ${step}`,
  ));
  const losses = metrics.filter((line) => "train/loss" in line);
  assertEquals(losses.map((line) => line.step), [1, 2, 3, 4]);
  const killed = await Deno.readTextFile(join(folder, "metrics.2.jsonl"));
  assertEquals(killed.includes("killed"), true);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("a second run at once is refused before it writes, and what it would do stays undone", async () => {
  const baseDir = await smallBaseDir();
  const folder = join(baseDir, "chatsft_checkpoints/d2");
  {
    await using _other = await RunLock.acquire(folder);
    await Deno.writeTextFile(join(folder, "metrics.jsonl"), '{"step":1}\n');
    const error = await assertRejects(() => watchRun(baseDir, FLAGS), UserError);
    const words = `${folder}: process ${Deno.pid} is writing a run there; wait for it or stop it`;
    assertEquals(error.message, words);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names, ["metrics.jsonl", "run.lock"]);
  }
  await watchRun(baseDir, FLAGS);
  await assertRejects(() => Deno.stat(join(folder, "run.lock")), Deno.errors.NotFound);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("a log that cannot be written costs a run one warning", async () => {
  const baseDir = await smallBaseDir();
  await Deno.mkdir(join(baseDir, "chatsft_checkpoints/d2/metrics.jsonl"), { recursive: true });
  const console = new MemoryTerminal();
  const { terminal } = console;
  const warnings: string[] = [];
  terminal.warn = (line) => void warnings.push(line);
  const { signal } = new AbortController();
  const io = { terminal, signal, baseDir, env: () => undefined, now: () => performance.now() };
  const { at } = await runSft(sftOptions({ ...FLAGS, loadOptimizer: false }), io);
  assertEquals(at.step, 4);
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0], "; the run goes on without this log");
  assertEquals(console.stderr, "");
  await Deno.remove(baseDir, { recursive: true });
});
