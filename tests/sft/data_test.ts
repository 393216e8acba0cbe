/** What a run does with its data: looks at all of it first, trains on each once, knows it again. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { TOKENIZER_DIRECTORY } from "../tokenizer/reference.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { watchRun } from "./run_helpers.ts";

const FLAGS: Partial<SftOptions> = {
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 1,
  totalBatchSize: 64,
  numIterations: 2,
  evalEvery: -1,
  evalTokens: 128,
  chatcoreEvery: -1,
};

/** A base directory with a mixture file of conversations of its own. */
async function withOwnData(
  train: [question: string, answer: string][],
  validation: [question: string, answer: string][],
): Promise<{ baseDir: string; mixture: string; write: (pairs: typeof train) => Promise<void> }> {
  const baseDir = await smallBaseDir();
  const writeFile = async (name: string, pairs: typeof train) => {
    const lines = pairs.map(([question, answer]) =>
      JSON.stringify([
        { role: "user", content: question },
        { role: "assistant", content: answer },
      ])
    );
    await Deno.writeTextFile(join(baseDir, name), lines.join("\n"));
  };
  const write = (pairs: typeof train) => writeFile("train.jsonl", pairs);
  await write(train);
  await writeFile("validation.jsonl", validation);
  const mixture = join(baseDir, "mixture.json");
  const files = { train: [{ file: "train.jsonl" }], validation: [{ file: "validation.jsonl" }] };
  await Deno.writeTextFile(mixture, JSON.stringify(files));
  return { baseDir, mixture, write };
}

const pairs = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, i) => [`Question ${i}?`, `Answer ${"word ".repeat(i)}.`]);

Deno.test("a bad row anywhere in the data is named before step 1", async () => {
  const baseDir = await smallBaseDir();
  const names = [["train", "train", 33], ["validation", "test", 11]] as const;
  for (const [list, split, row] of names) {
    const folder = join(baseDir, "task_data/HuggingFaceTB--smol-smoltalk/default", split);
    const path = join(folder, "data.jsonl");
    const text = await Deno.readTextFile(path);
    const lines = text.trimEnd().split("\n");
    lines[row] = '{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}';
    await Deno.writeTextFile(path, lines.join("\n"));
    const mixture = join(baseDir, "mixture.json");
    const task = [{ task: "SmolTalk" }];
    await Deno.writeTextFile(mixture, JSON.stringify({ train: task, [list]: task }));
    const run = () => watchRun(baseDir, { ...FLAGS, mixture, numIterations: 1 });
    const { message } = await assertRejects(run, UserError);
    assertEquals(
      message,
      `HuggingFaceTB/smol-smoltalk (default, ${split}), data.jsonl, row ${row}: message 2 is from ` +
        '"user" and should be from "assistant": after an optional system message, user and ' +
        "assistant take turns",
    );
    await Deno.writeTextFile(path, text);
  }
  assertEquals(
    [...Deno.readDirSync(baseDir)].some(({ name }) => name.startsWith("chatsft")),
    false,
  );
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("what is cut or left out is said before the first step", async () => {
  const long = "long ".repeat(100);
  const train: [string, string][] = [["Hi", long], [long, "Yes."], ["Hi", "Yes."]];
  const { baseDir, mixture } = await withOwnData(train, pairs(3));
  const { lines } = await watchRun(baseDir, { ...FLAGS, mixture });
  const warnings = lines.findIndex((line) => /1 conversation .* longer than a row/.test(line));
  assert(/no trained text in a row of 64 tokens and is left out$/.test(lines[warnings + 1]));
  assert(warnings < lines.findIndex((line) => line.startsWith("step 00001")));
  assertEquals(lines.filter((line) => line.includes("longer than a row")).length, 1);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("a run over a small set ends when each conversation was trained on once", async () => {
  const { baseDir, mixture } = await withOwnData(pairs(24), pairs(3));
  const { metrics } = await watchRun(baseDir, { ...FLAGS, mixture, numIterations: -1 });
  const steps = metrics.filter((line) => "train/loss" in line);
  const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));
  const tokens = pairs(24).reduce((sum, [question, answer]) => {
    const messages = [
      { role: "user" as const, content: question },
      { role: "assistant" as const, content: answer },
    ];
    return sum + tokenizer.renderConversation({ messages }).ids.length;
  }, 0);
  // Rows are nearly full; the longest conversations alone would fill more of them.
  const rows = Math.ceil(tokens / 65);
  assert(steps.length <= rows + 1, `${steps.length} steps for ${rows} rows of tokens`);
  assertEquals(steps.slice(0, -1).filter((line) => line["train/epoch"] > 1), []);
  assertEquals(steps.at(-1)!["train/progress"], 1);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("without text to measure a run says so, measures nothing, and goes on", async () => {
  const { baseDir, mixture } = await withOwnData(pairs(5), [["Hi", ""], ["long ".repeat(99), "x"]]);
  const { lines, metrics, result } = await watchRun(baseDir, { ...FLAGS, mixture });
  const warning = lines.findIndex((line) => line.includes("there is nothing to validate on"));
  assert(warning >= 0 && warning < lines.findIndex((line) => line.startsWith("step 00001")));
  assertEquals(metrics.filter((line) => "val/bpb" in line), []);
  assertEquals(lines.filter((line) => line.includes("NaN")), []);
  assertEquals(result.at.step, 2);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("without a trained token there is nothing to train on", async () => {
  const { baseDir, mixture } = await withOwnData([["long ".repeat(99), "x"]], pairs(2));
  const run = () => watchRun(baseDir, { ...FLAGS, mixture });
  await assertRejects(run, UserError, "nothing to train on");
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("of an empty answer there is nothing to learn, not even its end", async () => {
  const { baseDir, mixture, write } = await withOwnData([["Hi", ""], ["Ho", ""]], pairs(2));
  const run = () => watchRun(baseDir, { ...FLAGS, mixture });
  await assertRejects(run, UserError, "nothing to train on");
  await write([["Hi", ""], ...pairs(3)]);
  const { lines } = await run();
  assert(
    lines.some((line) =>
      line.includes("1 conversation of the training mixture has no trained text")
    ),
  );
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("other data of the same size is not gone on with", async () => {
  const { baseDir, mixture, write } = await withOwnData(pairs(6), pairs(2));
  await watchRun(baseDir, { ...FLAGS, mixture });
  const resumed = { ...FLAGS, mixture, resume: true, numIterations: 4 };
  const changed = pairs(6);
  changed[3][1] += "!";
  await write(changed);
  await assertRejects(() => watchRun(baseDir, resumed), UserError, "content has changed");
  await write(pairs(6));
  const { result } = await watchRun(baseDir, resumed);
  assertEquals(result.at.step, 4);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("conversations that cannot be learned from are named by their lines, each once", async () => {
  const { baseDir, mixture } = await withOwnData(pairs(2), pairs(2));
  // So many that a row holds the same ones of several epochs.
  const options = { ...FLAGS, mixture, embeddingLr: 1e30, matrixLr: 1e30, numIterations: 4 };
  const { message } = await assertRejects(() => watchRun(baseDir, options), UserError);
  const named = /\((.*)\)/.exec(message)![1].split("; ").sort();
  const file = join(baseDir, "train.jsonl");
  assertEquals(named, [`${file}, line 1`, `${file}, line 2`]);
  await Deno.remove(baseDir, { recursive: true });
});
