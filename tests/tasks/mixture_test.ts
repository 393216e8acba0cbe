import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { PythonRandom } from "../../lib/random/mod.ts";
import {
  CompactRows,
  type DatasetSource,
  type Row,
  type TaskMixture,
  trainMixture,
  valMixture,
} from "../../lib/tasks/mod.ts";

const turns = (text: string) => [
  { role: "user", content: text },
  { role: "assistant", content: "fine" },
];
const question = { question: "M", choices: ["1", "2", "3", "4"], answer: 0, subject: "" };

/** One row of each dataset; the splits that the mixtures should ask for, and no others. */
const DATASETS: Record<string, Row> = {
  "HuggingFaceTB/smol-smoltalk default train": { messages: turns("S") },
  "HuggingFaceTB/smol-smoltalk default test": { messages: turns("S") },
  "cais/mmlu all auxiliary_train": question,
  "cais/mmlu all test": question,
  "openai/gsm8k main train": { question: "G", answer: "#### 1" },
  "openai/gsm8k main test": { question: "G", answer: "#### 1" },
};

function sourceOf(files: Record<string, string>): DatasetSource {
  return {
    rows(repo, subset, split) {
      const row = DATASETS[`${repo} ${subset} ${split}`];
      const rows = new CompactRows(repo);
      // More MMLU and GSM8K test rows than validation uses.
      const count = split !== "test" || repo.includes("smol") ? 1 : 6000;
      for (let i = 0; i < count; i++) rows.add(row);
      return Promise.resolve(rows);
    },
    open(name) {
      if (!(name in files)) return Promise.reject(new UserError(`no ${name}`));
      return Promise.resolve(new Blob([files[name]]).stream());
    },
  };
}

const identity = { "identity_conversations.jsonl": JSON.stringify(turns("I")) };

/** The first letter of a conversation tells its task: of those above, or of a word to spell. */
function kinds(mixture: TaskMixture): string[] {
  return Array.from({ length: mixture.length }, (_, i) => {
    const [user, assistant] = mixture.get(i).messages;
    if (Array.isArray(assistant.content) && assistant.content.length > 2) return "bee";
    if (assistant.content === "xyz: x y z") return "spell";
    return (user.content as string)[0];
  });
}

Deno.test("the training mixture has nanochat's tasks in nanochat's order", async () => {
  const source = sourceOf({ ...identity, "words_alpha.txt": "xyz\r\n" });
  const mixture = await trainMixture(source, {
    mmluEpochs: 2,
    gsm8kEpochs: 3,
    simpleSpellingSize: 4,
    spellingBeeSize: 2,
  });
  const spelling = ["spell", "spell", "spell", "spell", "bee", "bee"];
  const order = ["S", "I", "I", "M", "M", "G", "G", "G", ...spelling];
  new PythonRandom(42).shuffle(order);
  assertEquals(kinds(mixture), order);
});

Deno.test("there can be more epochs than a call takes arguments, but no endless mixture", async () => {
  const options = {
    mmluEpochs: 300_000,
    gsm8kEpochs: 200_000,
    simpleSpellingSize: 0,
    spellingBeeSize: 0,
  };
  const mixture = await trainMixture(sourceOf(identity), options);
  assertEquals(mixture.length, 1 + 2 + 300_000 + 200_000);
  const counts: Record<string, number> = {};
  for (let i = 0; i < mixture.length; i += 1000) {
    const kind = (mixture.get(i).messages[0].content as string)[0];
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  assertEquals((counts.M ?? 0) + (counts.G ?? 0), 501);
  const words = { ...identity, "words_alpha.txt": "xyz" };
  await assertRejects(
    () => trainMixture(sourceOf(words), { ...options, simpleSpellingSize: 2 ** 40 }),
    UserError,
    "conversations is too large",
  );
  await assertRejects(
    () => trainMixture(sourceOf(identity), { ...options, mmluEpochs: 300_000_000 }),
    UserError,
    "a mixture of 300,000,000 conversations is too large; at most 134,217,728 are shuffled",
  );
});

Deno.test("without spelling the word list is not needed", async () => {
  const without = { simpleSpellingSize: 0, spellingBeeSize: 0 };
  assertEquals((await trainMixture(sourceOf(identity), without)).length, 1 + 2 + 3 + 4);
  await assertRejects(() => trainMixture(sourceOf(identity)), UserError, "words_alpha.txt");
  await assertRejects(() => trainMixture(sourceOf({}), without), UserError, "identity");
});

Deno.test("the validation mixture takes the heads of the test sets", async () => {
  const mixture = await valMixture(sourceOf({}));
  assertEquals(mixture.length, 1 + 5200 + 420);
});
