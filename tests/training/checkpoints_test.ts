/** Which checkpoints of a run are saved and kept, and what a disk without room costs it. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  findCheckpoint,
  freeBytes,
  readMeta,
  saveCheckpoint,
} from "../../lib/checkpoint/disk/mod.ts";
import { tensorFromArray } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import {
  type PatienceOptions,
  RunCheckpoints,
  type RunPlace,
  type SavingOptions,
} from "../../lib/training/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { modelConfig } from "../checkpoint/smallest_model.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

const stateDict = new Map([["w", tensorFromArray("float32", [1], Float32Array.of(1))]]);
const optimizer = { state: new Map([[0, { step: 1 }]]), param_groups: [] };
const contents = (step: number) => ({ step, modelConfig, stateDict, optimizer, meta: {} });

const OPTIONS: SavingOptions = { numIterations: 10, saveEvery: 1, saveBest: false, keep: 0 };

/** A run in a directory, and what it printed. */
async function open(
  dir: string,
  options: Partial<SavingOptions & PatienceOptions> = {},
  place: Partial<RunPlace> = {},
) {
  const console = new MemoryTerminal();
  const { terminal } = console;
  const run = await RunCheckpoints.open({
    baseDir: dir,
    source: "sft",
    tag: "d1",
    terminal,
    ...place,
  });
  await run.plan({ ...OPTIONS, ...options }, contents(0), 0);
  return { run, console, [Symbol.asyncDispose]: () => run[Symbol.asyncDispose]() };
}

/** The steps that are saved, by their meta files. */
function steps(dir: string, source = "chatsft"): number[] {
  return [...Deno.readDirSync(join(dir, `${source}_checkpoints/d1`))]
    .flatMap(({ name }) => /^meta_(\d+)\.json$/.exec(name)?.[1] ?? [])
    .map(Number).sort((a, b) => a - b);
}

/** Saves and measures steps, with these bits per byte. */
async function train(run: RunCheckpoints, bpbs: Record<number, number | undefined>) {
  for (const [name, bpb] of Object.entries(bpbs)) {
    const step = Number(name);
    if (run.isDue(step)) await run.save(contents(step));
    const measured: Record<string, number> = bpb === undefined ? {} : { val_bpb: bpb };
    await run.measured(step, measured, () => contents(step));
  }
}

Deno.test("the newest so many are kept, and the best; other runs' checkpoints stay", async () => {
  for (const source of ["sft", "base"] as const) {
    await inTempDir(async (dir) => {
      const folder = source === "sft" ? "chatsft" : "base";
      {
        await using old = await open(dir, { keep: 1 }, { source });
        await train(old.run, { 1: 9, 700: 8 });
        assertEquals(steps(dir, folder), [700]);
      }
      await using newer = await open(dir, { keep: 2 }, { source });
      await train(newer.run, { 1: 3, 2: 2, 3: 2.5, 4: 2, 5: undefined, 6: NaN, 7: 2.1 });
      assertEquals(steps(dir, folder), [2, 6, 7, 700]);
      await train(newer.run, { 8: 1 });
      assertEquals(steps(dir, folder), [7, 8, 700]);
      assertEquals((await findCheckpoint(dir, { source })).step, 8);
    });
  }
});

Deno.test("all are kept unless told otherwise", async () => {
  await inTempDir(async (dir) => {
    await using opened = await open(dir);
    await train(opened.run, { 1: 3, 2: 2, 3: 4 });
    assertEquals(steps(dir), [1, 2, 3]);
  });
});

Deno.test("the best so far is saved whenever it is measured, if that is wanted", async () => {
  await inTempDir(async (dir) => {
    {
      await using opened = await open(dir, { saveBest: true, saveEvery: 4, keep: 1 });
      // Step 0 is the model that the run began with.
      await train(opened.run, { 0: 1, 1: 3, 2: 2, 3: 2.5 });
      assertEquals(steps(dir), [2]);
      await train(opened.run, { 4: 2 });
      assertEquals(steps(dir), [2, 4]);
    }
    // A run that goes on knows which was the best.
    await using opened = await open(dir, { saveBest: true, saveEvery: 4, keep: 1 }, {
      resume: true,
    });
    await train(opened.run, { 5: 2.4, 6: 1.9, 7: 1.95, 8: 1.93 });
    assertEquals(steps(dir), [6, 8]);
    const { raw } = await readMeta((await findCheckpoint(dir, { source: "sft" })).meta);
    assertEquals(raw.val_bpb, 1.93);
    assertEquals((raw.run as { best: unknown }).best, { step: 6, val_bpb: 1.9 });
    await using without = await open(join(dir, "b"), { saveEvery: -1 });
    await train(without.run, { 1: 3, 2: 2 });
    assertEquals([...Deno.readDirSync(without.run.directory)].map(({ name }) => name), [
      "run.lock",
    ]);
  });
});

Deno.test("a run with a patience counts what was no better, and ends with its best", async () => {
  await inTempDir(async (dir) => {
    const options = { saveEvery: -1, patience: 3 };
    {
      await using opened = await open(dir, options);
      const { run } = opened;
      await train(run, { 0: 1, 1: 3, 2: 2 });
      assertEquals([steps(dir), run.waited], [[2], 0]);
      // A measurement that failed is none.
      await train(run, { 3: 2, 4: undefined, 5: 2.5 });
      assertEquals([steps(dir), run.waited], [[2], 2]);
      await run.save(contents(5), true);
    }
    {
      await using opened = await open(dir, options, { resume: true });
      const { run, console } = opened;
      await run.measured(6, { val_bpb: 3, val_own_bpb: 2.4 }, () => contents(6));
      assertEquals(run.waited, 3);
      await run.keepBest(6);
      assertEquals([steps(dir), run.last?.step], [[2], 2]);
      assertStringIncludes(console.stdout, "The best step of the run, 2, is kept");
    }
    const { raw } = await readMeta((await findCheckpoint(dir, { source: "sft" })).meta);
    const { best, ended } = raw.run as Record<string, unknown>;
    assertEquals([best, ended], [{ step: 2, val_bpb: 2 }, { step: 6, patience: 3 }]);
  });
  // Own conversations decide where they are measured.
  await inTempDir(async (dir) => {
    await using opened = await open(dir, { saveEvery: 3, patience: 3 });
    const { run, console } = opened;
    const own = { 1: [2, 3], 2: [3, 2], 3: [1, 2.5] };
    for (const [step, [val_bpb, val_own_bpb]] of Object.entries(own)) {
      if (step === "3") await run.save(contents(3), true);
      await run.measured(+step, { val_bpb, val_own_bpb }, () => contents(+step));
    }
    await run.keepBest(3);
    assertEquals(steps(dir), [2, 3]);
    assertStringIncludes(console.stderr, "step 3 stays, for it was asked for");
  });
});

Deno.test("a run that goes on is the same run, from its last step only", async () => {
  await inTempDir(async (dir) => {
    const runOf = async (step: number) => {
      const { raw } = await readMeta((await findCheckpoint(dir, { source: "sft", step })).meta);
      return raw.run as { id: string; began: string };
    };
    const at = async (place: Partial<RunPlace>, step: number) => {
      await using opened = await open(dir, {}, place);
      await train(opened.run, { [step]: undefined });
      return opened.run.isNewRun;
    };
    assertEquals(await at({}, 10), true);
    assertEquals(await at({}, 3), true);
    assertEquals((await runOf(3)).id === (await runOf(10)).id, false);
    assertEquals(await at({ resume: true }, 4), false);
    assertEquals(await runOf(4), await runOf(3));
    assertEquals(await at({ resume: true, step: 4 }, 5), false);
    // From an earlier step another run branches off, and what was saved after it stays.
    assertEquals(await at({ resume: true, step: 3 }, 2), true);
    assertEquals((await findCheckpoint(dir, { source: "sft" })).step, 2);
    assertEquals(steps(dir), [2, 3, 4, 5, 10]);
    // The older run goes on as a newer one.
    assertEquals(await at({ resume: true, step: 10 }, 11), true);
    assertEquals((await findCheckpoint(dir, { source: "sft" })).step, 11);
  });
});

Deno.test("a run began later than all before it, whatever the clock says", async () => {
  await inTempDir(async (dir) => {
    const run = { id: "ahead", began: "2999-01-01T00:00:00.000Z" };
    await saveCheckpoint(dir, "d1", { ...contents(90), run });
    await using opened = await open(dir);
    await train(opened.run, { 1: undefined });
    assertEquals((await findCheckpoint(dir, { source: "sft" })).step, 1);
  });
});

Deno.test("what nanochat would load of an earlier run is said once", async () => {
  await inTempDir(async (dir) => {
    const directory = join(dir, "chatsft_checkpoints/d1");
    const warned = async (options: Partial<SavingOptions>, place: Partial<RunPlace> = {}) => {
      await using opened = await open(dir, options, place);
      await train(opened.run, { 3: undefined });
      return opened.console.stderr;
    };
    await saveCheckpoint(dir, "d1", contents(700));
    assertEquals(
      await warned({}),
      `warning: ${directory} holds step 700 of an earlier run, which nanochat's scripts load as ` +
        "the highest unless they are told a step; move it elsewhere to avoid that\n",
    );
    {
      // One that is stopped before it gets so far says so then.
      await using opened = await open(dir, { numIterations: 700 });
      assertEquals(opened.console.stderr, "");
      await opened.run.save(contents(4), true);
      assertStringIncludes(opened.console.stderr, "step 700 of an earlier run");
    }
    assertStringIncludes(await warned({ numIterations: -1 }), "step 700");
    assertEquals(await warned({}, { resume: true }), "");
  });
});

Deno.test("temporary files of killed runs go when a run begins", async () => {
  await inTempDir(async (dir) => {
    const { directory } = await saveCheckpoint(dir, "d1", contents(3));
    const left = join(directory, "step_4_model.pt.0123abcd.tmp");
    await Deno.writeFile(left, new Uint8Array(1500));
    await using opened = await open(dir);
    assertEquals(opened.console.lines, ["Removed 1.5 kB of files that were left half-written"]);
    await assertRejects(() => Deno.stat(left), Deno.errors.NotFound);
  });
});

Deno.test("a second run in the same directory is refused", async () => {
  await inTempDir(async (dir) => {
    {
      await using _opened = await open(dir);
      await assertRejects(() => open(dir), UserError, `process ${Deno.pid} is writing a run there`);
      await using _base = await open(dir, {}, { source: "base" });
    }
    await using _opened = await open(dir);
  });
});

/** A tensor of so many bytes that is nowhere. */
const large = (bytes: number) => ({
  dtype: "uint8" as const,
  shape: [bytes],
  read: () => Promise.reject(new Error("read")),
});

Deno.test("room is asked for before training, with the numbers", async () => {
  await inTempDir(async (dir) => {
    const free = (await freeBytes(dir))!;
    assert(free > 1e6);
    const plan = async (
      model: number,
      state: number,
      options: Partial<SavingOptions & PatienceOptions> = {},
    ) => {
      await using opened = await open(dir);
      const tensors = {
        stateDict: new Map([["w", large(Math.round(model))]]),
        optimizer: { state: new Map([[0, { exp_avg: large(Math.round(state)) }]]) },
      };
      await opened.run.plan({ ...OPTIONS, ...options }, tensors, 0);
      return opened.console.stderr;
    };
    const error = await assertRejects(() => plan(2e15, 4e15), UserError);
    assertStringIncludes(error.message, "takes 6000 TB (model 2000 TB, optimizer 4000 TB), and ");
    assertStringIncludes(error.message, "free on its disk: not even the model can be saved");
    assertEquals(error.message.includes("\n"), false);

    const some = await plan(free / 2, 4e15);
    assertStringIncludes(some, "without more room the optimizer's state is not saved");
    assertEquals(some.split("\n").length, 2);

    const several = await plan(free / 20, free / 10, { saveEvery: 1 });
    assertStringIncludes(several, "not enough for the 10 that are going to lie there");
    assertEquals(await plan(free / 20, free / 10, { saveEvery: 5 }), "");
    assertEquals(await plan(free / 20, free / 10, { keep: 2 }), "");
    assertStringIncludes(await plan(free / 20, free / 10, { keep: 7 }), "enough for the 8 that");
    // With a patience the best one lies beside the last.
    const alone = { saveEvery: -1, patience: 2 };
    assertStringIncludes(await plan(free / 3, free / 3, alone), "enough for the 2 that");
    assertEquals(await plan(free / 3, free / 3, { saveEvery: -1 }), "");
  });
});

Deno.test("a save that fails is a warning on the way, and an error at the end", async () => {
  await inTempDir(async (dir) => {
    await using opened = await open(dir);
    const { run, console } = opened;
    const createFails = async (body: () => Promise<void>) => {
      const open = Deno.open;
      const full = new Error("No space left on device (os error 28)");
      Deno.open = (path, options) =>
        options?.createNew ? Promise.reject(full) : open(path, options);
      try {
        await body();
      } finally {
        Deno.open = open;
      }
    };
    await createFails(() => run.save(contents(1)));
    assertStringIncludes(console.stderr, "No space left on device");
    assertStringIncludes(console.stderr, "no checkpoint of this run is saved; the run goes on");
    assertEquals(console.stderr.split("\n").length, 2);
    await run.save(contents(2));
    assertEquals(steps(dir), [2]);
    const atEnd = () => createFails(() => run.save(contents(3), true));
    await assertRejects(atEnd, UserError, "No space left on device");
    assertEquals(run.last?.step, 2);
    // Measurements that cannot be added cost a warning, too.
    await createFails(() => run.measured(2, { val_bpb: 1 }, () => contents(2)));
    assertStringIncludes(console.stderr, "; the checkpoint lacks what was measured\n");
    const lost = { ...contents(4), stateDict: new Map([["w", large(3)]]) };
    await assertRejects(() => run.save(lost), Error, "read");
  });
});

Deno.test("what is saved before it is measured goes with the next that is saved", async () => {
  await inTempDir(async (dir) => {
    await using opened = await open(dir, { saveEvery: 4 });
    const { run, console } = opened;
    /** Saves as a run does, measured at every second step. */
    const pass = async (step: number, last = false) => {
      await run.save(contents(step), last);
      await run.measured(step, { val_bpb: 9 - step }, () => contents(step));
      return steps(dir);
    };
    assertEquals(await pass(2), [2]);
    assertStringIncludes(console.stdout, "step_2_model.pt, until the next one is");
    assertEquals(await pass(4), [4]);
    assertEquals(await pass(6), [4, 6]);
    // Stopped right after: it is the run's last.
    await run.save(contents(6), true);
    assertEquals(await pass(8, true), [4, 6, 8]);
  });
  await inTempDir(async (dir) => {
    await using opened = await open(dir, { saveEvery: -1, saveBest: true });
    const { run } = opened;
    for (const [step, bpb] of [[2, 3], [4, 2], [6, 2.5], [8, 2.2]]) {
      await run.save(contents(step));
      await run.measured(step, { val_bpb: bpb }, () => contents(step));
    }
    assertEquals(steps(dir), [2, 4, 8]);
  });
});
