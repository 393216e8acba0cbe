import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { Conversation } from "../../lib/conversation.ts";
import { NumpyGenerator } from "../../lib/random/mod.ts";
import {
  ARC,
  GSM8K,
  HumanEval,
  LocalSource,
  MMLU,
  SmolTalk,
  type Task,
  trainMixture,
  valMixture,
} from "../../lib/tasks/mod.ts";

interface TaskRow {
  task: string;
  index: number;
  conversation: Conversation;
}

const fixtures = new URL("../fixtures/", import.meta.url);
const { conversations }: { conversations: TaskRow[] } = JSON.parse(
  await Deno.readTextFile(new URL("tokens.json", fixtures)),
);

/** The splits that the rows of `tokens.json` were taken from. */
function loaders(source: LocalSource): Record<string, () => Promise<Task>> {
  return {
    "SmolTalk": () => SmolTalk.load(source, { split: "train" }),
    "MMLU": () => MMLU.load(source, { split: "test" }),
    "GSM8K": () => GSM8K.load(source, { split: "train" }),
    "ARC-Easy": () => ARC.load(source, { subset: "ARC-Easy", split: "test" }),
    "HumanEval": () =>
      HumanEval.load(source, { runPython: () => Promise.resolve({ success: true }) }),
  };
}

// The fixtures hold, in their order, the rows that the conversations were made from.
for (const [name, load] of Object.entries(loaders(new LocalSource(fromFileUrl(fixtures))))) {
  Deno.test(`${name} makes the reference's conversations from its rows`, async () => {
    const task = await load();
    const expected = conversations.filter((row) => row.task === name);
    const order = new NumpyGenerator(42).permutation(expected.length);
    assertEquals(task.length, expected.length);
    for (let i = 0; i < task.length; i++) {
      assertEquals(task.get(i), expected[order[i]].conversation);
    }
  });
}

const baseDir = new URL("../../../shared/reference/base_dir", import.meta.url);
const ignore = !exists(baseDir);

function exists(url: URL): boolean {
  try {
    Deno.statSync(url);
    return true;
  } catch {
    return false;
  }
}

Deno.test({
  name: "every task of the d4's data has the reference's conversations at its indices",
  ignore,
  async fn() {
    for (const [name, load] of Object.entries(loaders(new LocalSource(fromFileUrl(baseDir))))) {
      const task = await load();
      for (const row of conversations.filter((row) => row.task === name)) {
        assertEquals(task.get(row.index), row.conversation);
      }
    }
  },
});

Deno.test({
  name: "the mixtures of the d4's data have the reference's sizes",
  ignore,
  async fn() {
    const source = new LocalSource(fromFileUrl(baseDir));
    const train = await trainMixture(source, { simpleSpellingSize: 0, spellingBeeSize: 0 });
    assertEquals(train.length, 74682);
    assertEquals((await valMixture(source)).length, 723 + 5200 + 420);
    const withSpelling = await trainMixture(source, { mmluEpochs: 0, gsm8kEpochs: 0 });
    assertEquals(withSpelling.length, 14756 + 2 * 994 + 280000);
  },
});
