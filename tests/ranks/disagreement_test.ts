/** Ranks that each read their own disk, on which not the same lies. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { sftOptions } from "../../cli/options.ts";
import { runSft } from "../../lib/sft/mod.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { onRanks } from "./in_process.ts";

const OPTIONS = sftOptions({
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 1,
  totalBatchSize: 128,
  numIterations: 1,
  chatcoreEvery: -1,
  simpleSpellingSize: 0,
  spellingBeeSize: 0,
});

/** What ends a run of two ranks of which one has a disk that was changed. */
async function messages(change: (baseDir: string) => Promise<void>): Promise<string[]> {
  const baseDirs = await Promise.all([smallBaseDir(), smallBaseDir()]);
  await change(baseDirs[1]);
  const ends = await onRanks(2, async (ranks) => {
    const { terminal } = new MemoryTerminal(), { signal } = new AbortController();
    const baseDir = baseDirs[ranks.rank];
    const io = { terminal, signal, ranks, baseDir, env: () => undefined, now: () => 0 };
    return await runSft(OPTIONS, io).then(() => "it ran", ({ message }) => message as string);
  });
  for (const dir of baseDirs) await Deno.remove(dir, { recursive: true });
  return ends;
}

Deno.test("a rank that lacks the model says so, and takes no other", async () => {
  const [told, own] = await messages((dir) =>
    Deno.remove(join(dir, "base_checkpoints"), { recursive: true })
  );
  assertStringIncludes(own, "base_checkpoints");
  assertEquals(told, `rank 1: ${own}`);
});

Deno.test("a rank with another step of the model, or other data, is refused by all", async () => {
  const steps = await messages(async (dir) => {
    const folder = join(dir, "base_checkpoints/d2");
    for (const { name } of [...Deno.readDirSync(folder)]) {
      await Deno.rename(join(folder, name), join(folder, name.replace(/\d+/, "000077")));
    }
  });
  assertStringIncludes(steps[0], "ranks differ in their checkpoints: rank 0 has step ");
  assertStringIncludes(steps[0], ", and rank 1 step 77 of d2; all must run");
  assertEquals(steps[1], steps[0]);

  const data = await messages(async (dir) => {
    const path = join(dir, "identity_conversations.jsonl");
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    await Deno.writeTextFile(path, lines.slice(1).join("\n") + "\n");
  });
  assertStringIncludes(data[0], "ranks differ in their data: rank 0 has ");
  assertEquals(data[1], data[0]);
});
