import { gzipSync } from "node:zlib";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import {
  CompactRows,
  type Conversation,
  type DatasetSource,
  loadConversation,
  loadMixtureFile,
  OwnConversations,
  parseOwnData,
  repeatTask,
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

Deno.test("own data is read as messages, each file as often as asked for", async () => {
  const files = {
    "lists.jsonl": `${JSON.stringify(turns("a"))}\n${JSON.stringify(turns("b"))}\n`,
    "objects.jsonl": `${JSON.stringify({ messages: turns("c"), id: 7 })}\n`,
    "wrong.jsonl": `${JSON.stringify(turns("a"))}\n\n${JSON.stringify(turns("b").reverse())}\n`,
    "empty.jsonl": "\n",
  };
  await inFolder(files, async (dir) => {
    const load = async (name: string, epochs = 1) =>
      repeatTask(await OwnConversations.load(join(dir, name)), epochs);
    assertEquals(questions(await load("lists.jsonl", 2)), ["a", "b", "a", "b"]);
    assertEquals(questions(await load("objects.jsonl")), ["c"]);
    const wrong = `${join(dir, "wrong.jsonl")}, line 3: message 1 is from "assistant"`;
    await assertRejects(() => load("wrong.jsonl"), UserError, wrong);
    await assertRejects(() => load("empty.jsonl"), UserError, "empty.jsonl: is empty");
    await assertRejects(() => load("none.jsonl"), UserError, "none.jsonl");
  });
});

/** The conversations of a file, or the message of its error without the folder's name. */
async function readOwn(name: string, text: string | Uint8Array): Promise<unknown> {
  let result: unknown;
  await inTempDir(async (dir) => {
    const path = join(dir, name);
    await Deno.writeFile(path, typeof text === "string" ? new TextEncoder().encode(text) : text);
    try {
      const task = await OwnConversations.load(path);
      result = Array.from({ length: task.length }, (_, i) => task.get(i));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      result = error.message.replace(`${dir}/`, "");
    }
  });
  return result;
}

Deno.test("UTF-16 with its mark, CRLF and several members are read", async () => {
  const conversation = { messages: turns("grüße\u2028") };
  const line = JSON.stringify(conversation);
  const utf16 = (text: string) =>
    Uint8Array.from({ length: 2 * text.length }, (_, i) => text.charCodeAt(i >> 1) >> 8 * (i & 1));
  assertEquals(await readOwn("a.jsonl", utf16(`\ufeff${line}\r\n`)), [conversation]);
  assertEquals(await readOwn("a.jsonl", `\ufeff${line}\r\n\r\n${line}`), [
    conversation,
    conversation,
  ]);
  const members = new Uint8Array([...gzipSync(`${line}\n`), ...gzipSync(line)]);
  assertEquals(await readOwn("a.jsonl.gz", members), [conversation, conversation]);
});

Deno.test("what would change what is trained is refused by name", async () => {
  const withKeys = (answer: object, row: object = {}) =>
    JSON.stringify({
      messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: "b", ...answer },
      ],
      ...row,
    });
  const inMessage = (key: string) =>
    `x.jsonl, line 1: message 2 (assistant) has the key "${key}", which is not read; ` +
    "take it out if it may be lost";
  const keys = {
    reasoning_content: "thinking",
    mood: "gay",
  };
  for (const [key, value] of Object.entries(keys)) {
    assertEquals(await readOwn("x.jsonl", withKeys({ [key]: value })), inMessage(key));
  }
  const user =
    '{"messages":[{"role":"user","content":"a","weight":1},{"role":"assistant","content":"b"}]}';
  assertStringIncludes(
    `${await readOwn("x.jsonl", user)}`,
    'message 1 (user) has the key "weight"',
  );
  const part = withKeys({ content: [{ type: "text", text: "b", train: false }] });
  assertStringIncludes(`${await readOwn("x.jsonl", part)}`, '"train", which is not read');
  for (const key of ["documents", "images", "weight"]) {
    const row = withKeys({}, { [key]: key === "weight" ? 0.5 : [{ name: "x" }] });
    assertEquals(
      await readOwn("x.jsonl", row),
      `x.jsonl, line 1: has the key "${key}" beside its messages, which is not read; ` +
        "take it out if it may be lost",
    );
  }
});

Deno.test("what changes nothing may stand beside the messages and in them", async () => {
  const messages = [
    { role: "user", content: "a", id: 7, name: "Ann", weight: 0 },
    {
      role: "assistant",
      content: [{ type: "text", text: "b", annotations: [] }],
      weight: 1,
      train: true,
      tool_calls: null,
      function_call: {},
      reasoning_content: "",
      model: "x",
    },
  ];
  const row = { messages, source: "smol", tools: [], prompt: "a", score: 3 };
  const task = await readOwn("x.jsonl", JSON.stringify(row)) as Conversation[];
  assertEquals(Object.keys(task[0]), ["messages"]);
  assertEquals(task[0].messages[0], { role: "user", content: "a" });
});

Deno.test("a file can be seen more often than a call takes arguments", async () => {
  await inFolder({ "own.jsonl": JSON.stringify(turns("a")) }, async (dir) => {
    const tasks = repeatTask(await OwnConversations.load(join(dir, "own.jsonl")), 300_000);
    assertEquals(tasks.length, 300_000);
  });
});

Deno.test("of a mixture's file the last answers alone may be trained on", async () => {
  const files = {
    "own.jsonl": JSON.stringify([...turns("a"), ...turns("b")]),
    "m.json": '{"train":[{"file":"own.jsonl","train":"last"}],"validation":[{"file":"own.jsonl"}]}',
    "odd.json": '{"train":[{"file":"own.jsonl","train":"first"}]}',
  };
  await inFolder(files, async (dir) => {
    const { train, validation } = await loadMixtureFile(join(dir, "m.json"), source);
    const weights = (task: Task) => task.get(0).messages.map(({ weight }) => weight);
    assertEquals(weights(train[0]), [undefined, 0, undefined, undefined]);
    assertEquals(weights(validation![0]), [undefined, undefined, undefined, undefined]);
    const odd = loadMixtureFile(join(dir, "odd.json"), source);
    await assertRejects(() => odd, UserError, '"train" must be one of all, last');
  });
});

Deno.test("a file is said to be what it is", async () => {
  const files = {
    "own.jsonl": JSON.stringify(turns("a")),
    "mixed.csv": "instruction,output,question,answer\nhi,hello,,\n,,hi,hello\nhi,hello,,\n",
    "bad.jsonl": `${JSON.stringify(turns("a"))}\n\n{"a": 1}\n`,
  };
  await inFolder(files, async (dir) => {
    const load = (name: string) => OwnConversations.load(join(dir, name));
    const said = async (name: string) => (await load(name)).recognised.replace(`${dir}/`, "");
    assertEquals(
      await said("own.jsonl"),
      "own.jsonl: 1 conversation in JSON lines, as lists of messages",
    );
    assertEquals(
      await said("mixed.csv"),
      "mixed.csv: 3 conversations in CSV: 2 as Alpaca, 1 as question and answer",
    );
    assertEquals((await load("mixed.csv")).where(1), `${join(dir, "mixed.csv")}, row 2`);
    const error = await assertRejects(() => load("bad.jsonl"), UserError, "bad.jsonl, line 3: has");
    // One conversation is shown whatever is wrong with others.
    const path = join(dir, "bad.jsonl");
    assertEquals((await loadConversation(path, 1)).messages.length, 2);
    await assertRejects(() => loadConversation(path, 2), UserError, "bad.jsonl, line 3: has");
    await assertRejects(() => loadConversation(path, 3), UserError, "no conversation 3; it has 2");
    assertEquals(error.detail, { kind: "ownData", remedy: "map" });
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
    [
      entry('{"file": "x", "split": "test"}'),
      'unknown key "split"; a file takes file, train, epochs',
    ],
    [entry('{"file": 7}'), '"file" must be text, but is 7'],
    [entry('{"task": "MMLU", "epochs": 0}'), '"epochs" must be a whole number from 1, but is 0'],
    [entry('{"task": "SmolTalk", "split": "dev"}'), '"split" must be one of train, test'],
    [entry('{"task": "ARC"}'), '"subset" must be one of ARC-Easy, ARC-Challenge, but is missing'],
    [entry('{"task": "SpellingBee"}'), '"size" must be a whole number from 1, but is missing'],
    [entry('{"file": "none.jsonl"}'), "none.jsonl"],
    [
      entry('{"file": "bad.jsonl"}'),
      "bad.jsonl, line 1: is an object without keys; expected",
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
