/** A run of several ranks goes on as it was, and with any other number of them. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { readMeta } from "../../lib/checkpoint/disk/mod.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";
import { type WatchedRun, watchRun } from "../sft/run_helpers.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { onRanks } from "./in_process.ts";

const FLAGS: Partial<SftOptions> = {
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 2,
  totalBatchSize: 512,
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

/** A run of so many ranks: what the first one saw. */
async function run(world: number, baseDir: string, flags: Partial<SftOptions>, stopAfter?: number) {
  const [first] = await onRanks(world, (ranks) => watchRun(baseDir, flags, stopAfter, ranks));
  return first;
}

const losses = ({ metrics }: WatchedRun) =>
  metrics.filter((line) => "train/loss" in line).map((line) => [line.step, line["train/loss_raw"]]);

/** Names of a step's optimizer files, and the state that the run's meta file has. */
async function savedBy({ result: { directory, at } }: WatchedRun) {
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name)
    .filter((name) => name.startsWith(`step_${at.step}_optimizer`)).sort();
  const { raw } = await readMeta(join(directory, `step_${at.step}_meta.json`));
  return { names, state: raw.run_state as Record<string, unknown> };
}

Deno.test("a run of two ranks goes on as it was, and with one or four", async () => {
  const [whole, stopped] = await Promise.all([smallBaseDir(), smallBaseDir()]);
  const uninterrupted = await run(2, whole, FLAGS);
  const first = await run(2, stopped, FLAGS, 2);
  assert(first.result.at.step < 6);
  const { names, state } = await savedBy(first);
  const step = first.result.at.step;
  assertEquals(names, [0, 1].map((rank) => `step_${step}_optimizer_rank${rank}.pt`));
  assertEquals([(state.loaders as unknown[]).length, "loader" in state], [2, false]);

  const folder = join(stopped, "chatsft_checkpoints"), kept = join(stopped, "kept");
  await Deno.rename(folder, kept);
  for (const world of [2, 1, 4]) {
    await new Deno.Command("cp", { args: ["-a", kept, folder] }).output();
    const second = await run(world, stopped, { resume: true });
    assertEquals(second.result.at.step, 6);
    const saved = await savedBy(second);
    if (world === 2) {
      assertEquals(losses(second), losses(uninterrupted));
      const files = ["model.pt", "optimizer_rank0.pt", "optimizer_rank1.pt"];
      for (const name of files.map((name) => `step_6_${name}`)) {
        assertEquals(
          await Deno.readFile(join(second.result.directory, name)),
          await Deno.readFile(join(uninterrupted.result.directory, name)),
          name,
        );
      }
    } else {
      const path = second.lines.find((line) => line.includes("Optimizer state loaded from"));
      assert(path?.includes("and the 1 other shares"), second.lines.join("\n"));
      assert(!second.lines.some((line) => line.includes("The learning rate follows")));
      assertEquals(saved.names.length, world);
      assertEquals("loader" in saved.state, world === 1);
    }
    await Deno.remove(folder, { recursive: true });
  }
  for (const baseDir of [whole, stopped]) await Deno.remove(baseDir, { recursive: true });
});
