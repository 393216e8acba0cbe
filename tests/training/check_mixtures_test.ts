import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import type { Conversation } from "../../lib/conversation.ts";
import { UserError } from "../../lib/errors.ts";
import { Task, TaskMixture } from "../../lib/tasks/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { checkMixtures } from "../../lib/training/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { TOKENIZER_DIRECTORY } from "../tokenizer/reference.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));

/** Conversations of a question of so many words and an answer; counts how often one is asked for. */
class Pairs extends Task {
  asked = 0;

  constructor(
    private readonly pairs: readonly (readonly [questionWords: number, answer: string])[],
    private readonly name?: string,
  ) {
    super();
  }

  protected override get numExamples(): number {
    return this.pairs.length;
  }

  protected override source(): Promise<string | undefined> {
    return Promise.resolve(this.name);
  }

  protected override example(index: number): Conversation {
    this.asked++;
    const [words, answer] = this.pairs[index];
    if (words < 0) throw new UserError(`own.jsonl, row ${index}: wrong`);
    return {
      messages: [
        { role: "user", content: "word ".repeat(words) },
        { role: "assistant", content: answer },
      ],
    };
  }
}

/** Checks mixtures of tasks with rows of T tokens, in a base directory of its own unless given. */
async function check(
  train: Task[],
  validation: Task[],
  { T = 64, baseDir = "/nowhere", signal = new AbortController().signal } = {},
) {
  const console = new MemoryTerminal();
  const { terminal } = console;
  const mixtures = { train: new TaskMixture(train), validation: new TaskMixture(validation) };
  const checked = await checkMixtures(mixtures, { tokenizer, T }, { baseDir, terminal, signal });
  return { ...checked, lines: console.stderr.split("\n").slice(0, -1) };
}

const short = () => new Pairs(Array.from({ length: 5 }, (_, i) => [i, `yes ${i}`] as const));

/** The tokens of a pair. */
const lengthOf = (words: number, answer: string) =>
  tokenizer.renderConversation(new Pairs([[words, answer]]).get(0), Infinity).ids.length;

Deno.test("a bad row is found wherever it lies, in training and validation data", async () => {
  const bad = new Pairs([...Array(300).fill([1, "fine"]), [-1, ""]]);
  for (const mixtures of [[[short(), bad], [short()]], [[short()], [bad]]]) {
    await assertRejects(() => check(mixtures[0], mixtures[1]), UserError, "own.jsonl, row 300");
  }
});

Deno.test("what is cut and left out is counted, as often as it is mixed in, and said", async () => {
  const long = "long ".repeat(100);
  // Cut, left out for its long question, and whole.
  const task = new Pairs([[1, long], [200, "yes"], [1, "yes"]]);
  const { train, validation, lines } = await check([task, task, short()], [task]);
  const lost = lengthOf(1, long) - 65;
  const { bytes: _, checksum: __, ...counts } = train;
  assertEquals(counts, { conversations: 11, cut: 2, lostTokens: 2 * lost, leftOut: 2 });
  assertEquals(validation?.cut, 1);
  assertEquals(lines, [
    "warning: 2 conversations of the training mixture are longer than a row of 64 tokens and cut to it, " +
    `which loses ${2 * lost} tokens; longer rows keep them`,
    "warning: 2 conversations of the training mixture have no trained text in a row of 64 tokens and are " +
    "left out",
    "warning: 1 conversation of the validation mixture is longer than a row of 64 tokens and cut to it, " +
    `which loses ${lost} tokens; longer rows keep them`,
    "warning: 1 conversation of the validation mixture has no trained text in a row of 64 tokens and is " +
    "left out",
  ]);
  // All of it fits into longer rows, and nothing is to be said.
  assertEquals((await check([task], [task], { T: 4096 })).lines, []);
});

Deno.test("nothing to train on is an error, nothing to validate on a warning", async () => {
  const masked = () => new Pairs([[200, "yes"], [100, "no"]]);
  await assertRejects(
    () => check([masked()], [short()]),
    UserError,
    "nothing to train on: none of 2 conversations has trained text in a row of 64 tokens",
  );
  await assertRejects(() => check([], [short()]), UserError, "the mixture has no conversations");
  // The end of an empty answer is trained on, but has no bytes to count bits by.
  for (const validation of [masked(), new Pairs([[1, ""]])]) {
    const checked = await check([short()], [validation]);
    assertEquals(checked.validation, undefined);
    assertEquals(checked.lines.length, 1);
    assertStringIncludes(checked.lines[0], "nothing to validate on, so validation is left out");
  }
});

Deno.test("the checksum tells content, order and repetition apart", async () => {
  const of = async (...tasks: Task[]) => (await check(tasks, [short()])).train.checksum;
  const [a, b] = [[[1, "a"], [2, "b"]], [[2, "b"], [1, "a"]]] as const;
  const sums = [
    await of(new Pairs(a)),
    await of(new Pairs(b)),
    await of(new Pairs(a), new Pairs(a)),
    await of(new Pairs(a), new Pairs(b)),
    await of(new Pairs([[1, "a"], [2, "c"]])),
  ];
  assertEquals(new Set(sums).size, sums.length);
  assertEquals(await of(new Pairs(a)), sums[0]);
});

Deno.test("what was found in large data is remembered by its content and the length of rows", async () => {
  await inTempDir(async (baseDir) => {
    const large = (name?: string) => new Pairs(Array(1200).fill([1, "long ".repeat(70)]), name);
    const asked = async (task: Pairs, T = 64) => {
      const { train, lines } = await check([task], [short()], { T, baseDir });
      return { asked: task.asked, train, lines };
    };
    const first = await asked(large("one"));
    assertEquals(first.asked, 1200);
    assertEquals(await asked(large("one")), { ...first, asked: 0 });
    assertEquals((await asked(large("other"))).asked, 1200);
    assertEquals((await asked(large("one"), 32)).asked, 1200);
    assertEquals((await asked(large("one"))).asked, 0);
    assertEquals((await asked(large())).asked, 1200);
    assertEquals((await asked(large())).asked, 1200);

    const path = join(baseDir, "checked_data.json");
    const text = await Deno.readTextFile(path);
    for (const damaged of ['{"damaged', "[]", text.replaceAll("checksum", "sum")]) {
      await Deno.writeTextFile(path, damaged);
      assertEquals(await asked(large("one")), first);
    }
  });
});

Deno.test("checking is stopped by its signal, within a moment", async () => {
  const controller = new AbortController();
  const many = new Pairs(Array(1_000_000).fill([1, "fine"]));
  setTimeout(() => controller.abort(new Error("enough")), 1);
  const { signal } = controller;
  await assertRejects(() => check([many], [short()], { signal }), Error, "enough");
  assertNotEquals(many.asked, many.length);
});
