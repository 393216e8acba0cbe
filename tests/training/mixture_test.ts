import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { trainingMixture } from "../../lib/training/mixture.ts";
import { sftOptions } from "../../cli/options.ts";
import { CompactRows, type DatasetSource } from "../../lib/tasks/mod.ts";

const turns = (text: string) => [
  { role: "user", content: text },
  { role: "assistant", content: "fine" },
];

const source: DatasetSource = {
  rows(repo) {
    const rows = new CompactRows(repo);
    const row = repo === "cais/mmlu"
      ? { question: "M", choices: ["1", "2", "3", "4"], answer: 0, subject: "" }
      : { messages: turns("S"), question: "G", answer: "#### 1" };
    rows.add(row);
    return Promise.resolve(rows);
  },
  open: () => Promise.resolve(new Blob([JSON.stringify(turns("I"))]).stream()),
};
const noSpelling = { simpleSpellingSize: 0, spellingBeeSize: 0 };

/** How many conversations of a mixture begin with each letter. */
function tally(mixture: { length: number; get(i: number): { messages: { content: unknown }[] } }) {
  const counts: Record<string, number> = {};
  for (let i = 0; i < mixture.length; i++) {
    const [letter] = mixture.get(i).messages[0].content as string;
    counts[letter] = (counts[letter] ?? 0) + 1;
  }
  return counts;
}

Deno.test("own data is mixed into nanochat's mixture or a file's", async () => {
  const dir = await Deno.makeTempDir();
  const own = join(dir, "own.jsonl");
  const mixture = join(dir, "mixture.json");
  await Deno.writeTextFile(own, JSON.stringify(turns("own")));
  await Deno.writeTextFile(mixture, '{"train": [{"task": "SmolTalk", "epochs": 5}]}');

  const notes: string[] = [];
  const options = sftOptions({ ...noSpelling, data: [`${own}:6`] });
  const usual = await trainingMixture(options, source, (line) => notes.push(line));
  // A multiple-choice question begins with "Multiple".
  assertEquals(tally(usual.train), { S: 1, I: 2, M: 3, G: 4, o: 6 });
  assertEquals(tally(usual.validation), { S: 1, M: 1, G: 1 });
  assertEquals(notes, [
    "Training mixture: 16 conversations (SmolTalk, identity x2, MMLU x3, GSM8K x4, " +
    `SimpleSpelling 0, SpellingBee 0, ${own} x6)`,
    "Validation mixture: 3 conversations",
  ]);

  const replaced = await trainingMixture(sftOptions({ mixture, data: [own] }), source);
  assertEquals(tally(replaced.train), { S: 5, o: 1 });
  assertEquals(tally(replaced.validation), { S: 1, M: 1, G: 1 });

  const validation = '{"train": [{"task": "SmolTalk"}], "validation": [{"file": "own.jsonl"}]}';
  await Deno.writeTextFile(mixture, validation);
  assertEquals(
    tally((await trainingMixture(sftOptions({ mixture }), source)).validation),
    { o: 1 },
  );

  await Deno.writeTextFile(own, "[]\n");
  const wrong = trainingMixture(sftOptions({ data: [own] }), {
    rows: () => Promise.reject(new Error("a dataset was loaded")),
    open: () => Promise.reject(new Error("a file was loaded")),
  });
  await assertRejects(() => wrong, UserError, "own.jsonl, line 1");
  await Deno.remove(dir, { recursive: true });
});
