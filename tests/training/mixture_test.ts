import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { trainingMixture } from "../../lib/training/mixture.ts";
import { sftOptions } from "../../cli/options.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";
import { CompactRows, type DatasetSource, type TaskMixture } from "../../lib/tasks/mod.ts";
import { inTempDir } from "../temp_dir.ts";

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

/** What is said of own conversations, and on which side they are. */
async function halves(given: Partial<SftOptions>) {
  const notes: string[] = [];
  const mixtures = await trainingMixture(sftOptions(given), source, (line) => notes.push(line));
  const texts = (mixture: TaskMixture | undefined) =>
    Array.from({ length: mixture?.length ?? 0 }, (_, i) => {
      return mixture!.get(i).messages[0].content as string;
    });
  return { notes, train: texts(mixtures.train), held: texts(mixtures.own), mixtures };
}

Deno.test("a share of own files is measured and not trained on, a mixture's if that is said", () =>
  inTempDir(async (dir) => {
    const [own, mixture] = [join(dir, "own.jsonl"), join(dir, "m.json")];
    const lines = (name: string, count: number) =>
      Array.from({ length: count }, (_, i) => JSON.stringify(turns(`${name} ${i}`))).join("\n");
    await Deno.writeTextFile(own, lines("own", 20));
    await Deno.writeTextFile(join(dir, "v.jsonl"), lines("v", 2));
    await Deno.writeTextFile(mixture, '{"train": [{"file": "own.jsonl", "epochs": 2}]}');

    const { notes, train, held, mixtures } = await halves({ data: [`${own}:3`], dataOnly: true });
    assertEquals([train.length, held.length], [57, 1]);
    assert(!train.includes(held[0]));
    assertEquals(mixtures.validation, mixtures.own);
    assertEquals(notes, [
      `Training mixture: 57 conversations (${own} x3)`,
      `${own}: 20 conversations in JSON lines, as lists of messages`,
      `${own}: 19 conversations to train on, 1 to measure on (a share of 0.05; seed 42)`,
      "Validation mixture: 1 conversation (own ones)",
    ]);

    const whole = await halves({ data: [own], dataOnly: true, validationShare: 0 });
    assertEquals([whole.train.length, whole.held.length], [20, 0]);
    const file = await halves({ data: [own], dataOnly: true, validation: join(dir, "v.jsonl") });
    assertEquals([file.train.length, file.held.toSorted()], [20, ["v 0", "v 1"]]);

    const unsaid = await halves({ mixture });
    assertEquals([unsaid.train.length, unsaid.held.length], [40, 0]);
    const said = await halves({ mixture, validationShare: 0.1 });
    assertEquals([said.train.length, said.held.length], [36, 2]);
    assertEquals(said.train.filter((text) => said.held.includes(text)), []);
  }));

Deno.test("own conversations alone need a file, and no mixture beside it", async () => {
  for (const given of [{}, { data: ["own.jsonl"], mixture: "m.json" }]) {
    const run = () => trainingMixture(sftOptions({ ...given, dataOnly: true }), source);
    const { message, detail } = await assertRejects(run, UserError);
    assert(message.startsWith("dataOnly must be left out where"), message);
    assertEquals(detail, { kind: "option", option: "dataOnly" });
  }
});

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
    `${own}: 1 conversation in JSON lines, as lists of messages`,
    `${own}: 1 conversation to train on, none to measure on (a share of 0.05; seed 42)`,
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

  await Deno.writeTextFile(own, "{}\n");
  const wrong = trainingMixture(sftOptions({ data: [own] }), {
    rows: () => Promise.reject(new Error("a dataset was loaded")),
    open: () => Promise.reject(new Error("a file was loaded")),
  });
  await assertRejects(() => wrong, UserError, "own.jsonl, line 1");
  await Deno.remove(dir, { recursive: true });
});
