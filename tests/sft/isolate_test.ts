/** A run whose packed conversations are isolated: it trains and measures so, and goes on so. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import type { SftOptions } from "../../lib/sft/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { type WatchedRun, watchRun } from "./run_helpers.ts";

const FLAGS: Partial<SftOptions> = {
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 2,
  totalBatchSize: 256,
  numIterations: 4,
  evalEvery: 4,
  evalTokens: 256,
  chatcoreEvery: -1,
};

/** The numbers under a name, by step. */
const numbers = ({ metrics }: WatchedRun, name: string) =>
  metrics.filter((line) => name in line).map((line) => [line.step, line[name]]);
const losses = (run: WatchedRun) => numbers(run, "train/loss_raw");

/** What a run's last checkpoint says that it was told. */
async function config({ result: { directory, at } }: WatchedRun) {
  const meta = await Deno.readTextFile(join(directory, `step_${at.step}_meta.json`));
  return JSON.parse(meta).user_config as Record<string, unknown>;
}

/** Runs in base directories of their own, on conversations of which a row has several. */
async function inBaseDirs(
  count: number,
  run: (flags: Partial<SftOptions>, ...baseDirs: string[]) => Promise<void>,
) {
  const baseDirs = await Promise.all(Array.from({ length: count }, () => smallBaseDir()));
  const mixture = join(baseDirs[0], "mixture.json"), short = [{ task: "SmolTalk" }];
  await Deno.writeTextFile(mixture, JSON.stringify({ train: short, validation: short }));
  await run({ ...FLAGS, mixture }, ...baseDirs);
  for (const baseDir of baseDirs) await Deno.remove(baseDir, { recursive: true });
}

Deno.test("an isolated run learns and measures another thing, and goes on isolated", () =>
  inBaseDirs(3, async (flags, together, whole, stopped) => {
    const usual = await watchRun(together, flags);
    const isolated = await watchRun(whole, { ...flags, isolate: true });
    assertEquals(losses(isolated).map(([step]) => step), [1, 2, 3, 4]);
    for (const name of ["train/loss_raw", "val/bpb"]) {
      const [[step, first], ...rest] = numbers(isolated, name);
      assertNotEquals([step, first], numbers(usual, name)[0], name);
      assert(first > rest.at(-1)![1], name);
    }
    assertEquals([(await config(usual)).isolate, (await config(isolated)).isolate], [false, true]);

    const first = await watchRun(stopped, { ...flags, isolate: true }, 2);
    assert(first.result.at.step < 4);
    const second = await watchRun(stopped, { resume: true });
    assertEquals(losses(second), losses(isolated));
    assertEquals(second.result.metrics, isolated.result.metrics);
    assertEquals((await config(second)).isolate, true);
  }));

Deno.test("two ranks isolate alike", () =>
  inBaseDirs(2, async (flags, together, apart) => {
    const run = async (baseDir: string, isolate: boolean) =>
      await onRanks(2, (ranks) => watchRun(baseDir, { ...flags, isolate }, Infinity, ranks));
    const [usual] = await run(together, false), [first, second] = await run(apart, true);
    assertEquals(losses(first).map(([step]) => step), [1, 2, 3, 4]);
    assertNotEquals(losses(first)[0], losses(usual)[0]);
    assertEquals(first.result.metrics, second.result.metrics);
    assert(first.result.metrics.val_bpb < numbers(first, "val/bpb")[0][1]);
  }));
