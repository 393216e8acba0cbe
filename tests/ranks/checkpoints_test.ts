/** The checkpoints of ranks: one writes, all learn how that ended. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { fileNames, findCheckpoint, readMeta, RunLock } from "../../lib/checkpoint/disk/mod.ts";
import { tensorFromArray } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { ShardStates } from "../../lib/optim/mod.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";
import { type RankContents, RunCheckpoints, type SavingOptions } from "../../lib/training/mod.ts";
import { modelConfig } from "../checkpoint/smallest_model.ts";
import { Float64Device } from "../device/float64_device.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { inProcess, onRanks } from "./in_process.ts";
import { load, modelOf, readTree, sharedOptimizer, sharesOf } from "./shared_state.ts";

const WORLD = 2;
const OPTIONS: SavingOptions = { numIterations: 10, saveEvery: 2, saveBest: false, keep: 0 };

/** A rank's checkpoints, and what a checkpoint of a step holds. */
async function open(ranks: Ranks, dir: string, options: Partial<SavingOptions> = {}) {
  const { model, rates } = await modelOf(WORLD, new Float64Device());
  const optimizer = sharedOptimizer(model, rates, ranks);
  await load(optimizer, sharesOf(WORLD));
  const contents = (step: number): RankContents => {
    const shards = new ShardStates(optimizer, { multiplier: 1, mu: 0.85 });
    const stateDict = new Map([["w", tensorFromArray("float32", [1], Float32Array.of(step))]]);
    return { step, modelConfig, stateDict, optimizer: shards.states, shards, meta: {} };
  };
  const console = new MemoryTerminal(), { terminal } = console;
  const run = await RunCheckpoints.open({
    ...{ baseDir: dir, source: "sft", tag: "d1", terminal, ranks },
  });
  await run.plan({ ...OPTIONS, ...options }, contents(0), 0);
  const { device } = optimizer;
  return {
    run,
    contents,
    console,
    device,
    [Symbol.asyncDispose]: () => run[Symbol.asyncDispose](),
  };
}

/** Runs something in which no file can be written. */
async function onFullDisk(body: () => Promise<void>): Promise<void> {
  const { open } = Deno;
  const full = new Error("No space left on device (os error 28)");
  Deno.open = (path, options) => options?.createNew ? Promise.reject(full) : open(path, options);
  try {
    await body();
  } finally {
    Deno.open = open;
  }
}

/** What a rank throws. */
const errorOf = (promise: Promise<unknown>) =>
  promise.then(() => undefined, (error: Error) => error.message);

Deno.test("the first rank saves what all have, and all know the last checkpoint", () =>
  inTempDir(async (dir) => {
    const lasts = await onRanks(WORLD, async (ranks) => {
      await using opened = await open(ranks, dir, { saveBest: true, keep: 1 });
      const { run, contents } = opened;
      assertEquals(run.last, undefined);
      // Step 3 is the best, 4 is due, and 6 the last that stays.
      for (const [step, val_bpb] of [[2, 3], [3, 2], [4, 2.5], [5, 2.4], [6, 2.3]]) {
        if (run.isDue(step)) await run.save(contents(step));
        await run.measured(step, { val_bpb }, () => contents(step));
      }
      assertEquals([run.isDue(6), run.isDue(7), run.isNewRun], [true, false, true]);
      assert(run.log.run !== undefined);
      return run.last;
    });
    assertEquals(lasts[1], lasts[0]);
    assertEquals(lasts[0], await findCheckpoint(dir, { source: "sft" }));
    assertEquals([lasts[0]!.step, lasts[0]!.optimizers.size], [6, WORLD]);
    for (const [rank, path] of lasts[0]!.optimizers) {
      const [found, expected] = [await readTree(path), await readTree(sharesOf(WORLD)[rank])]
        .map((tree) => (tree as Map<string, unknown>).get("state"));
      assertEquals(found, expected);
    }
    const names = await fileNames(lasts[0]!.directory);
    assertEquals(
      names.filter((name) => name.startsWith("model_")).sort(),
      ["model_000003.pt", "model_000006.pt"],
    );
    assertEquals(names.filter((name) => name.includes("optim")).length, 2 * 2 * WORLD);
    assertEquals((await readMeta(lasts[0]!.meta)).raw.val_bpb, 2.3);
    // One that goes on knows it on every rank.
    const again = await onRanks(WORLD, async (ranks) => {
      const { terminal } = new MemoryTerminal();
      await using run = await RunCheckpoints.open({
        ...{ baseDir: dir, source: "sft", tag: "d1", terminal, ranks, resume: true },
      });
      return { last: run.last, isNewRun: run.isNewRun, log: run.log };
    });
    assertEquals(again[1], again[0]);
    assertEquals([again[0].last, again[0].isNewRun], [lasts[0], false]);
  }));

Deno.test("a save that fails is a warning on the first rank, and all go on; at the end all throw", () =>
  inTempDir(async (dir) => {
    const all = await Promise.all(inProcess(WORLD).map((ranks) => open(ranks, dir)));
    const save = (step: number, last?: boolean) =>
      Promise.all(all.map(({ run, contents }) => errorOf(run.save(contents(step), last))));
    await onFullDisk(async () => assertEquals(await save(2), [undefined, undefined]));
    assertStringIncludes(all[0].console.stderr, "the run goes on, and saves at the next turn");
    assertEquals(all[1].console.stderr, "");
    assertEquals(await save(4), [undefined, undefined]);
    await onFullDisk(async () => {
      const [own, told] = await save(6, true);
      assertStringIncludes(own!, "No space left on device");
      assertEquals(told, `rank 0: ${own}`);
    });
    assertEquals(all.map(({ run }) => run.last?.step), [4, 4]);
    for (const opened of all) await opened[Symbol.asyncDispose]();
    assertEquals((await findCheckpoint(dir, { source: "sft" })).optimizers.size, WORLD);
  }));

Deno.test("where one rank's state cannot be read all throw, and what was saved stays", () =>
  inTempDir(async (dir) => {
    const messages = await onRanks(WORLD, async (ranks) => {
      await using opened = await open(ranks, dir);
      const { run, contents, device } = opened;
      await run.save(contents(2));
      const next = contents(4);
      if (ranks.rank === 1) {
        device.read = () => Promise.reject(new UserError("the device was lost"));
      }
      const message = await errorOf(run.save(next));
      assertEquals(run.last?.step, 2);
      return message;
    });
    assertEquals(messages, ["rank 1: the device was lost", "the device was lost"]);
    const { directory, step } = await findCheckpoint(dir, { source: "sft" });
    assertEquals(step, 2);
    assertEquals((await fileNames(directory)).filter((name) => name.endsWith(".tmp")), []);
  }));

Deno.test("a directory in which another process writes is refused on all ranks", () =>
  inTempDir(async (dir) => {
    const directory = join(dir, "chatsft_checkpoints/d1");
    await using _lock = await RunLock.acquire(directory);
    await onRanks(WORLD, async (ranks) => {
      const { message } = await assertRejects(() => open(ranks, dir), UserError);
      const named = `${directory}: process ${Deno.pid} is writing a run there`;
      assert(message.startsWith(ranks.rank === 0 ? named : `rank 0: ${named}`), message);
    });
  }));

Deno.test("all ranks' states are counted in the room that a checkpoint takes", () =>
  inTempDir(async (dir) => {
    await onRanks(WORLD, async (ranks) => {
      const large = { dtype: "uint8" as const, shape: [1e15], read: () => Promise.reject() };
      const { terminal } = new MemoryTerminal();
      await using run = await RunCheckpoints.open({
        ...{ baseDir: dir, source: "base", tag: "d1", terminal, ranks },
      });
      const contents = {
        stateDict: new Map([["w", large]]),
        optimizer: Array.from({ length: WORLD }, () => ({ state: new Map([[0, large]]) })),
      };
      await assertRejects(
        () => run.plan(OPTIONS, contents, 0),
        UserError,
        "takes 3000 TB (model 1000 TB, optimizer 2000 TB)",
      );
    });
  }));
