import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import {
  CompactRows,
  type Conversation,
  type DatasetSource,
  loadMixtureFile,
  loadOwnData,
  parseOwnData,
  type Row,
  type Task,
} from "../../lib/tasks/mod.ts";
import { inTempDir } from "../temp_dir.ts";

const turns = (text: string) => [
  { role: "user", content: text },
  { role: "assistant", content: "fine" },
];

/** Five rows of every split, which name it; the identity conversation; a word. */
const source: DatasetSource = {
  rows(repo, subset, split) {
    const name = `${repo} ${subset} ${split}`;
    const row: Row = {
      messages: turns(name),
      question: name,
      answer: repo === "cais/mmlu" ? 0 : "#### 1",
      subject: "",
      choices: repo === "cais/mmlu" ? ["1", "2", "3", "4"] : { text: ["1"], label: ["A"] },
      answerKey: "A",
    };
    const rows = new CompactRows(name);
    for (let i = 0; i < 5; i++) rows.add(row);
    return Promise.resolve(rows);
  },
  open: (name) =>
    Promise.resolve(
      new Blob([name === "words_alpha.txt" ? "xyz\n" : JSON.stringify(turns("I"))]).stream(),
    ),
};

async function inFolder(
  files: Record<string, string>,
  test: (dir: string) => Promise<void>,
): Promise<void> {
  await inTempDir(async (dir) => {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(dir, name), text);
    }
    await test(dir);
  });
}

/** What the user says in every conversation of the tasks. */
function questions(tasks: Task[]): string[] {
  return tasks.flatMap((task) =>
    Array.from({ length: task.length }, (_, i) => {
      const conversation: Conversation = task.get(i);
      return conversation.messages[0].content as string;
    })
  );
}

Deno.test("--data is a path with or without epochs", () => {
  assertEquals(parseOwnData("a/b.jsonl"), { path: "a/b.jsonl", epochs: 1 });
  assertEquals(parseOwnData("a:b.jsonl:12"), { path: "a:b.jsonl", epochs: 12 });
  for (const wrong of ["", ":3", "own.jsonl:0", "own.jsonl:-1", "own.jsonl:1.5"]) {
    assertThrows(() => parseOwnData(wrong), UserError, `but is "${wrong}"`);
  }
});

Deno.test("own data is read in both forms, each file as often as asked for", async () => {
  const files = {
    "lists.jsonl": `${JSON.stringify(turns("a"))}\n${JSON.stringify(turns("b"))}\n`,
    "objects.jsonl": `${JSON.stringify({ messages: turns("c"), id: 7 })}\n`,
    "wrong.jsonl": `${JSON.stringify(turns("a"))}\n\n${JSON.stringify(turns("b").reverse())}\n`,
    "empty.jsonl": "\n",
  };
  await inFolder(files, async (dir) => {
    const load = (name: string, epochs = 1) => loadOwnData([{ path: join(dir, name), epochs }]);
    assertEquals(questions(await load("lists.jsonl", 2)), ["a", "b", "a", "b"]);
    assertEquals(questions(await load("objects.jsonl")), ["c"]);
    const wrong = `${join(dir, "wrong.jsonl")}, line 3: message 1 is from "assistant"`;
    await assertRejects(() => load("wrong.jsonl"), UserError, wrong);
    await assertRejects(() => load("empty.jsonl"), UserError, "empty.jsonl has no conversations");
    await assertRejects(() => load("none.jsonl"), UserError, "none.jsonl");
  });
});

Deno.test("a mixture file names tasks and files, to train on and to validate with", async () => {
  const files = {
    "own.jsonl": `${JSON.stringify(turns("own 1"))}\n${JSON.stringify(turns("own 2"))}\n`,
    "mixture.json": JSON.stringify({
      train: [
        { file: "own.jsonl", epochs: 2, stop: 1 },
        { task: "SmolTalk", stop: 1 },
        { task: "Identity", epochs: 2 },
        { task: "GSM8K", split: "test", stop: 1 },
        { task: "SimpleSpelling", size: 3 },
        { task: "SpellingBee", size: 2, split: "test" },
      ],
      validation: [
        { task: "SmolTalk", stop: 1 },
        { task: "MMLU", stop: 2 },
        { task: "ARC", subset: "ARC-Easy", split: "validation", stop: 1 },
      ],
    }),
  };
  await inFolder(files, async (dir) => {
    const mixture = await loadMixtureFile(join(dir, "mixture.json"), source);
    const asked = questions(mixture.train);
    assertEquals(asked.slice(0, 6), [
      "own 1",
      "own 1",
      "HuggingFaceTB/smol-smoltalk default train",
      "I",
      "I",
      "openai/gsm8k main test",
    ]);
    assertEquals(asked.length, 6 + 3 + 2);
    // A question with choices is shown below its first words.
    const words = questions(mixture.validation!).map((text) =>
      text.replace("Multiple Choice question: ", "").split("\n")[0]
    );
    assertEquals(words, [
      "HuggingFaceTB/smol-smoltalk default test",
      "cais/mmlu all test",
      "cais/mmlu all test",
      "allenai/ai2_arc ARC-Easy validation",
    ]);
  });
});

Deno.test("a mixture file may begin with a byte-order mark", async () => {
  const files = {
    "own.jsonl": JSON.stringify(turns("own")),
    "m.json": '\ufeff{"train": [{"file": "own.jsonl"}]}',
  };
  await inFolder(files, async (dir) => {
    const { train } = await loadMixtureFile(join(dir, "m.json"), source);
    assertEquals(questions(train), ["own"]);
  });
});

Deno.test("without a list for validation a mixture file leaves it to the caller", async () => {
  const file = { "m.json": '{"train": [{"task": "MMLU"}]}' };
  await inFolder(file, async (dir) => {
    const { train, validation } = await loadMixtureFile(join(dir, "m.json"), source);
    assertEquals(questions(train)[0].includes("cais/mmlu all auxiliary_train"), true);
    assertEquals(validation, undefined);
  });
});

Deno.test("faults of a mixture file are named with the entry, before anything is loaded", async () => {
  const entry = (text: string) => `{"train": [{"task": "GSM8K"}, ${text}]}`;
  const faults: [string, string][] = [
    ['{"train": [{"task": "MMLU",}]}', "m.json: "],
    ['[{"task": "MMLU"}]', 'm.json: a mixture is an object with the list "train"'],
    ["null", 'm.json: a mixture is an object with the list "train"'],
    ['{"train": [], "extra": 1}', 'm.json: a mixture is an object with the list "train"'],
    ['{"train": []}', "m.json, train: must be a list of one entry or more"],
    ['{"train": [{"task": "MMLU"}], "validation": {}}', "m.json, validation: must be a list"],
    [entry('{"task": "SmolTok"}'), 'train[1]: unknown task "SmolTok"; there are SmolTalk, Ident'],
    [entry('{"task": "toString"}'), 'train[1]: unknown task "toString"'],
    [entry("7"), 'train[1]: an entry is an object with either a "task" or a "file"'],
    [entry('{"task": "MMLU", "file": "x"}'), 'with either a "task" or a "file"'],
    [entry('{"task": "MMLU", "epoch": 2}'), 'unknown key "epoch"; MMLU takes split, epochs, stop'],
    [entry('{"file": "x", "split": "test"}'), 'unknown key "split"; a file takes file, epochs'],
    [entry('{"file": 7}'), '"file" must be text, but is 7'],
    [entry('{"task": "MMLU", "epochs": 0}'), '"epochs" must be a whole number from 1, but is 0'],
    [entry('{"task": "SmolTalk", "split": "dev"}'), '"split" must be one of train, test'],
    [entry('{"task": "ARC"}'), '"subset" must be one of ARC-Easy, ARC-Challenge, but is missing'],
    [entry('{"task": "SpellingBee"}'), '"size" must be a whole number from 1, but is missing'],
    [entry('{"file": "none.jsonl"}'), "none.jsonl"],
    [
      entry('{"file": "bad.jsonl"}'),
      "bad.jsonl, line 1: is an object without keys; expected a list",
    ],
  ];
  const untouched: DatasetSource = {
    rows: () => Promise.reject(new Error("a dataset was loaded")),
    open: () => Promise.reject(new Error("a file was loaded")),
  };
  for (const [text, message] of faults) {
    await inFolder({ "m.json": text, "bad.jsonl": "{}\n" }, async (dir) => {
      await assertRejects(
        () => loadMixtureFile(join(dir, "m.json"), untouched),
        UserError,
        message,
      );
    });
  }
});
