/** A recipe decides what its flags do not say: the mixture, ChatCORE's tasks, and Muon. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { evalOptions, sftOptions } from "../../cli/options.ts";
import { UserError } from "../../lib/errors.ts";
import { CHATCORE_TASKS, chatcoreMetrics } from "../../lib/eval/mod.ts";
import { inspectRecipes } from "../../lib/inspect/mod.ts";
import { placeDemo, type SftOptions } from "../../lib/sft/mod.ts";
import { CompactRows, type DatasetSource } from "../../lib/tasks/mod.ts";
import { RECIPES, runEval, trainingMixture } from "../../lib/training/mod.ts";
import { type WatchedRun, watchRun } from "../sft/run_helpers.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "./small_base_dir.ts";
import { MODEL, world } from "./small_world.ts";

const turns = (text: string) => [
  { role: "user", content: text },
  { role: "assistant", content: "fine" },
];

/** One row of each dataset; the identity file and the words only where `hasFiles`. */
function sourceOf(hasFiles: boolean): DatasetSource {
  return {
    rows(repo) {
      const rows = new CompactRows(repo);
      const row = repo === "cais/mmlu"
        ? { question: "M", choices: ["1", "2", "3", "4"], answer: 0, subject: "" }
        : { messages: turns("S"), question: "G", answer: "#### 1" };
      rows.add(row);
      return Promise.resolve(rows);
    },
    open(name) {
      if (!hasFiles) throw new UserError(`${name} is not wanted`);
      const text = name.endsWith(".jsonl") ? JSON.stringify(turns("I")) : "bee\nhoney\n";
      return Promise.resolve(new Blob([text]).stream());
    },
  };
}

/** What a mixture is made of, as the run says it. */
async function mixtureOf(given: Partial<SftOptions>, hasFiles = true): Promise<string> {
  const notes: string[] = [];
  await trainingMixture(sftOptions(given), sourceOf(hasFiles), (line) => notes.push(line));
  return /\((.*)\)/.exec(notes[0])![1];
}

Deno.test("the mixture is the recipe's, but for what flags say", async () => {
  const may =
    "SmolTalk, identity x2, MMLU x3, GSM8K x4, SimpleSpelling 200,000, SpellingBee 80,000";
  assertEquals(await mixtureOf({}), may);
  assertEquals(await mixtureOf({ recipe: "may2026" }), may);
  // Neither identity conversations nor words are fetched for it.
  assertEquals(await mixtureOf({ recipe: "newest" }, false), "SmolTalk, MMLU x3, GSM8K x4");
  assertEquals(
    await mixtureOf({ recipe: "newest", mmluEpochs: 1, gsm8kEpochs: 0, spellingBeeSize: 5 }),
    "SmolTalk, MMLU x1, GSM8K x0, SpellingBee 5",
  );
  assertEquals(
    await mixtureOf({ simpleSpellingSize: 3, spellingBeeSize: 0 }),
    "SmolTalk, identity x2, MMLU x3, GSM8K x4, SimpleSpelling 3, SpellingBee 0",
  );
});

Deno.test("ChatCORE is the mean of the recipe's tasks", async () => {
  const accuracies = new Map(CHATCORE_TASKS.map((task) => [task, 0.4]));
  accuracies.delete("SpellingBee");
  const metrics = chatcoreMetrics(accuracies, RECIPES.newest.tasks);
  assertAlmostEquals(metrics.chatcore_metric, (3 * (0.4 - 0.25) / 0.75 + 2 * 0.4) / 5, 1e-12);
  assertEquals(chatcoreMetrics(accuracies).chatcore_metric, undefined);

  await inTempDir(async (dir) => {
    const { io, console } = world();
    const baseDir = await placeDemo(dir);
    const few = { maxProblems: 1, maxNewTokens: 1 };
    const options = evalOptions({ ...MODEL, ...few, recipe: "newest" });
    const scores = await runEval(options, { ...io, baseDir });
    assertEquals([...scores.keys()], RECIPES.newest.tasks);
    assert(console.lines.some((line) => line.startsWith("ChatCORE ")));
  });
});

const FLAGS: Partial<SftOptions> = {
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 2,
  totalBatchSize: 256,
  numIterations: 2,
  evalEvery: -1,
  evalTokens: 256,
  chatcoreEvery: -1,
};

/** What a run saved of itself. */
async function configOf({ result: { directory, at } }: WatchedRun) {
  const path = join(directory, `step_${at.step}_meta.json`);
  return JSON.parse(await Deno.readTextFile(path)).user_config;
}

Deno.test("a run keeps its recipe, trains by its Muon, and goes on with it", async () => {
  const [newest, may] = await Promise.all([smallBaseDir(), smallBaseDir()]);
  const run = await watchRun(newest, { ...FLAGS, recipe: "newest" });
  assertEquals((await configOf(run)).recipe, "newest");
  // The same data by the other Muon ends elsewhere.
  const mixture = join(may, "mixture.json");
  const train = [{ task: "SmolTalk" }, { task: "MMLU", epochs: 3 }, { task: "GSM8K", epochs: 4 }];
  await Deno.writeTextFile(mixture, JSON.stringify({ train }));
  const losses = ({ metrics }: WatchedRun) =>
    metrics.flatMap((line) => "train/loss_raw" in line ? line["train/loss_raw"] : []);
  const other = losses(await watchRun(may, { ...FLAGS, mixture }));
  assertEquals(losses(run)[0], other[0]);
  assert(losses(run)[1] !== other[1]);

  const longer = await watchRun(newest, { resume: true, numIterations: 3 });
  const config = await configOf(longer);
  assertEquals([longer.result.at.step, config.recipe], [3, "newest"]);
  assertStringIncludes(longer.lines.join("\n"), "(SmolTalk, MMLU x3, GSM8K x4)");

  const path = join(longer.result.directory, "step_3_meta.json");
  const meta = (await Deno.readTextFile(path)).replace('"newest"', '"later"');
  await Deno.writeTextFile(path, meta);
  await assertRejects(
    () => watchRun(newest, { resume: true }),
    UserError,
    'step_3_meta.json: "recipe" cannot be "later"',
  );
  for (const baseDir of [newest, may]) await Deno.remove(baseDir, { recursive: true });
});

Deno.test("the table of recipes shows what differs", () => {
  const console = new MemoryTerminal();
  inspectRecipes(console.terminal);
  const rows = console.lines.map((line) => line.split(/\s{2,}/));
  const differing = rows.filter(([, may, newest]) => may !== newest).map(([name]) => name);
  assertEquals(differing, [
    "Recipe",
    "nanochat of",
    "Identity",
    "SimpleSpelling",
    "SpellingBee",
    "ChatCORE: SpellingBee",
    "Muon: rows equilibrated",
    "Muon: renormalized",
  ]);
  assertEquals(rows[0], ["Recipe", "may2026", "newest"]);
});
