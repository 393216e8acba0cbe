/** Fine-tuning on one's own conversations: what is measured, when it ends, and what is kept. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { findCheckpoint, readMeta } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";
import { ChatcoreRun } from "../../lib/training/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { type WatchedRun, watchRun } from "./run_helpers.ts";

const CPU: Partial<SftOptions> = { deviceType: "cpu", threads: 1 };
/** A run that is measured after each step. */
const SMALL: Partial<SftOptions> = {
  ...CPU,
  maxSeqLen: 32,
  deviceBatchSize: 2,
  totalBatchSize: 64,
  numIterations: 12,
  evalEvery: 1,
  chatcoreEvery: -1,
};

/** Runs something in a base directory that has a model, its tokenizer and own files, and no dataset. */
async function withOwnFiles(
  run: (baseDir: string, own: string, other: string) => Promise<void>,
): Promise<void> {
  const baseDir = await smallBaseDir();
  await Deno.remove(join(baseDir, "task_data"), { recursive: true });
  await Deno.remove(join(baseDir, "identity_conversations.jsonl"));
  const write = async (name: string, count: number, answer: (i: number) => string) => {
    const lines = Array.from({ length: count }, (_, i) =>
      JSON.stringify([
        { role: "user", content: `Question ${i}?` },
        { role: "assistant", content: answer(i) },
      ]));
    const path = join(baseDir, name);
    await Deno.writeTextFile(path, lines.join("\n"));
    return path;
  };
  const own = await write("own.jsonl", 20, (i) => `Yes, yes, ${i}.`);
  // The better the first are learnt, the less these are.
  const other = await write("other.jsonl", 3, () => "Zebra quartz vow jukebox.");
  await run(baseDir, own, other);
  await Deno.remove(baseDir, { recursive: true });
}

const bpbs = ({ metrics }: WatchedRun, name = "val/bpb") =>
  metrics.filter((line) => name in line).map((line) => [line.step, line[name]]);

/** The steps that are saved. */
const stepsOf = ({ result }: WatchedRun) =>
  [...Deno.readDirSync(result.directory)]
    .flatMap(({ name }) => /^step_(\d+)_model/.exec(name)?.[1] ?? [])
    .map(Number).sort((a, b) => a - b);

/** What the newest checkpoint is, but for what tells the run from others. */
async function newest({ result }: WatchedRun) {
  const baseDir = join(result.directory, "../..");
  const files = await findCheckpoint(baseDir, { source: "sft", tag: result.tag });
  const { raw } = await readMeta(files.meta);
  const { id: _, began: __, ...run } = raw.run as Record<string, unknown>;
  const bytes = [files.model, files.optimizers.get(0)!].map((path) => Deno.readFileSync(path));
  return { step: files.step, run, bytes, val_bpb: raw.val_bpb, config: raw.user_config };
}

Deno.test("own data alone needs no dataset, and what was not said is chosen and kept", () =>
  withOwnFiles(async (baseDir, own) => {
    const run = await watchRun(baseDir, { ...CPU, data: [own], dataOnly: true, numIterations: 3 });
    const printed = run.lines.join("\n");
    assertStringIncludes(
      printed,
      `${own}: 19 conversations to train on, 1 to measure on (a share of 0.05; seed 42)`,
    );
    assertStringIncludes(printed, "patience=5 by the recipe for own data");
    assertStringIncludes(printed, "isolate=true by the recipe for own data");
    assertMatch(printed, /^Own data: 19 conversations, \d+ tokens, in about \d+ rows? of \d+: /m);
    assertMatch(printed, /^Own data: longest: \d+ tokens \(.* \d+\).* of .*own\.jsonl$/m);
    assert(!/num_iterations=.*recipe/.test(printed), "what was said is not chosen");
    assert(/^Own validation bpb: \d\.\d+ before, .* at best, .* at the end$/m.test(printed));
    assert(
      /^Question \d+\? \(not trained on\)\n {2}before .*\n {2}after .*\n {2}data {4}Yes/m
        .test(printed),
      printed,
    );
    assertEquals(bpbs(run).map(([step]) => step), [0, 1, 2, 3]);
    assertEquals(bpbs(run, "val/own_bpb"), []);
    const { config } = await newest(run) as { config: Record<string, unknown> };
    assertEquals([config.patience, config.eval_every, config.chatcore_every], [5, 1, -1]);
    // The run goes on with what was chosen for it.
    const more = await watchRun(baseDir, { resume: true, numIterations: 5 });
    assertEquals(more.lines.filter((line) => line.includes("by the recipe")), []);
    assertEquals(more.result.at.step, 5);
  }));

Deno.test("own data that leaves nothing to measure is trained on all the same", () =>
  withOwnFiles(async (baseDir, own) => {
    const options = { ...SMALL, data: [own], dataOnly: true, validationShare: 0, patience: 1 };
    const run = await watchRun(baseDir, { ...options, numIterations: 2 });
    assertStringIncludes(run.lines.join("\n"), "there is nothing to validate on");
    assertEquals([run.result.at.step, bpbs(run)], [2, []]);
  }));

Deno.test("own conversations are measured beside the mixture, and are part of what a run is of", () =>
  withOwnFiles(async (baseDir, own, other) => {
    const mixture = join(baseDir, "mixture.json");
    const files = { train: [{ file: own }], validation: [{ file: own }] };
    await Deno.writeTextFile(mixture, JSON.stringify(files));
    const options = { ...SMALL, mixture, validation: other, numIterations: 2 };
    const run = await watchRun(baseDir, options);
    assertEquals(bpbs(run).map(([step]) => step), [0, 1, 2]);
    assertEquals(bpbs(run, "val/own_bpb").map(([step]) => step), [0, 1, 2]);
    assert(bpbs(run, "val/own_bpb")[2][1] !== bpbs(run)[2][1]);
    const { metrics: { val_own_bpb }, directory } = run.result;
    const { raw } = await readMeta(join(directory, "step_2_meta.json"));
    assertEquals([raw.val_own_bpb, bpbs(run, "val/own_bpb")[2][1]], [val_own_bpb, val_own_bpb]);
    assert(run.lines.some((line) => line.startsWith("Step 00002 | Own validation bpb: ")));
    // Another file to measure on is another run's.
    await Deno.copyFile(own, other);
    const changed = () => watchRun(baseDir, { resume: true, numIterations: 3 });
    await assertRejects(changed, UserError, "content has changed");
  }));

Deno.test("a run ends once it is no better for a while, and its best is what is there", () =>
  withOwnFiles(async (baseDir, own, other) => {
    const options: Partial<SftOptions> = {
      ...SMALL,
      data: [own],
      dataOnly: true,
      validation: other,
      embeddingLr: 3,
      patience: 3,
    };
    const run = await watchRun(baseDir, options);
    const measured = bpbs(run).slice(1);
    const best = measured.toSorted((a, b) => a[1] - b[1])[0];
    assertEquals(run.result.at.step, best[0] + 3);
    assert(run.result.isOutOfPatience && run.result.at.step < 12);
    assertEquals(stepsOf(run), [best[0]]);
    const kept = await newest(run);
    assertEquals([kept.step, kept.val_bpb], [best[0], best[1]]);
    assertEquals(kept.run.ended, { step: best[0] + 3, patience: 3 });

    const again = await watchRun(baseDir, { resume: true });
    assert(again.result.wasFinished);
    const [line] = again.lines.filter((line) => line.includes("is finished"));
    assertStringIncludes(line, `it ended with step ${best[0] + 3}, after 3 measurements that were`);
    assertStringIncludes(line, `its best, step ${best[0]}, is what was kept`);
    // With more patience it goes on from there.
    const more = await watchRun(baseDir, { resume: true, patience: 5 });
    assertEquals(more.result.at.step, best[0] + 5);
    assertEquals(stepsOf(more), [best[0]]);

    // What was asked for stays, and what is loaded then is said.
    const asked = await watchRun(baseDir, { ...options, saveEvery: best[0] + 2 });
    assertEquals(stepsOf(asked), [best[0], best[0] + 2]);
    assertStringIncludes(asked.lines.join("\n"), `the best is step ${best[0]}`);
    const { run: there } = await newest(asked);
    assertEquals([there.waited, there.ended], [2, { step: best[0] + 3, patience: 3 }]);
    const asFinished = (await watchRun(baseDir, { resume: true })).lines.join("\n");
    assertStringIncludes(asFinished, `step ${best[0]}, is kept beside step ${best[0] + 2}`);
  }));

Deno.test("a run that was stopped meanwhile has the same patience left, and the same end", async () => {
  // One that gets worse and ends early, and one that gets better to its end.
  for (const isWorse of [true, false]) {
    const ends: Awaited<ReturnType<typeof newest>>[] = [];
    // The last of all is stopped before it is measured at its end.
    for (const stopAfter of [Infinity, 2, 3, ...isWorse ? [] : [5]]) {
      await withOwnFiles(async (baseDir, own, other) => {
        const validation = isWorse ? { validation: other, embeddingLr: 3 } : { numIterations: 5 };
        const options = { ...SMALL, data: [own], dataOnly: true, ...validation, patience: 3 };
        let run = await watchRun(baseDir, options, stopAfter);
        if (stopAfter < Infinity) {
          assert(!run.result.isOutOfPatience && run.result.at.step === stopAfter);
          run = await watchRun(baseDir, { resume: true });
        }
        assertEquals(run.result.isOutOfPatience, isWorse);
        ends.push(await newest(run));
      });
    }
    for (const { step, run, val_bpb, bytes } of ends) {
      assertEquals([step, run, val_bpb], [ends[0].step, ends[0].run, ends[0].val_bpb]);
      assertEquals(bytes, ends[0].bytes);
    }
    if (!isWorse) assertEquals(ends[0].step, 5);
  }
});

Deno.test("what was measured before a run was stopped counts once for its patience", () =>
  withOwnFiles(async (baseDir, own) => {
    const { open } = ChatcoreRun;
    const scored = {
      tryOut: () => Promise.resolve(),
      measure: () => Promise.resolve({ chatcore_metric: 0, chatcore_cat: 0 }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    ChatcoreRun.open = () => Promise.resolve(scored as unknown as ChatcoreRun);
    try {
      const options = { ...SMALL, data: [own], dataOnly: true, chatcoreEvery: 2, patience: 1 };
      const first = await watchRun(
        baseDir,
        { ...options, numIterations: 4 },
        /^Step 00002 \| Validation/,
      );
      assertEquals([first.result.at.step, "chatcore_metric" in first.result.metrics], [2, false]);
      const { result } = await watchRun(baseDir, { resume: true });
      assertEquals([result.at.step, result.metrics.chatcore_metric], [4, 0]);
    } finally {
      ChatcoreRun.open = open;
    }
  }));

Deno.test("what a run with patience has left to do at its end is done when it goes on", () =>
  withOwnFiles(async (baseDir, own, other) => {
    // Its best is not its last, as of one that is killed before it makes it so.
    const options = { ...SMALL, data: [own], dataOnly: true, validation: other, embeddingLr: 3 };
    const first = { ...options, numIterations: 4, saveBest: true, patience: -1 };
    const run = await watchRun(baseDir, first);
    const [best] = bpbs(run).slice(1).toSorted((a, b) => a[1] - b[1])[0];
    assert(best < 4);
    const { lines } = await watchRun(baseDir, { resume: true, patience: 9 });
    assertStringIncludes(lines.join("\n"), `The best step of the run, ${best}, is kept`);
    assertEquals((await newest(run)).run.ended, { step: 4 });
    const again = await watchRun(baseDir, { resume: true });
    assertStringIncludes(again.lines.join("\n"), `its best, step ${best}, is what was kept`);
  }));

Deno.test("a run that nothing was learned in says that the model before was better", () =>
  withOwnFiles(async (baseDir, own) => {
    const options = { ...SMALL, data: [own], dataOnly: true, numIterations: 2, patience: 2 };
    const { lines } = await watchRun(baseDir, { ...options, initLrFrac: 0 });
    const words = /^warning: no step is better than the model that the run began with, .* bits/m;
    assertMatch(lines.join("\n"), words);
  }));

Deno.test("several ranks are out of patience at the same step", () =>
  withOwnFiles(async (baseDir, own, other) => {
    const options = { ...SMALL, data: [own], dataOnly: true, validation: other, embeddingLr: 3 };
    const runs = await onRanks(2, (ranks) => (
      watchRun(baseDir, { ...options, deviceBatchSize: 1, patience: 2 }, Infinity, ranks)
    ));
    const ends = runs.map(({ result }) => [result.at.step, result.savedStep]);
    assertEquals(ends[0], ends[1]);
    assert(runs.every(({ result }) => result.isOutOfPatience));
    assertEquals(stepsOf(runs[0]), [runs[0].result.savedStep]);
  }));
