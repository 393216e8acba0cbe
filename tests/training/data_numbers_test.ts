import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { fitToRow, packingStats } from "../../lib/dataloader/mod.ts";
import { OwnConversations, repeatTask, type Task, TaskMixture } from "../../lib/tasks/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { checkMixtures, dataLines, dataNumbers, LengthTally } from "../../lib/training/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { TOKENIZER_DIRECTORY } from "../tokenizer/reference.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));
const { signal } = new AbortController();
const identity = await OwnConversations.load(
  join(import.meta.dirname!, "../../data/samples/identity_conversations.jsonl.gz"),
);

Deno.test("of lengths alone it is known how conversations fill rows", async () => {
  for (const T of [256, 1024]) {
    const tally = new LengthTally();
    for (let index = 0; index < identity.length; index++) {
      const rendered = tokenizer.renderConversation(identity.get(index), Infinity);
      tally.add(index, rendered, fitToRow(rendered, T, tokenizer.tokenBytes));
    }
    const numbers = await dataNumbers([{ task: identity, counted: tally.counted }], T, signal);
    assert(numbers);
    const { bosId, tokenBytes } = tokenizer;
    const render = tokenizer.renderConversation.bind(tokenizer);
    const packed = await packingStats(identity, { T, bosId, tokenBytes, render });
    assertEquals(numbers.conversations, identity.length - packed.leftOut);
    // Conversations are drawn in another order.
    assertAlmostEquals(numbers.rows / packed.rows, 1, 0.01);
    assertAlmostEquals(numbers.paddingShare, packed.paddingShare, 0.01);
    assertAlmostEquals(numbers.trainedShare, packed.trainedShare, 0.01);
  }
});

Deno.test("a run knows how long its own conversations are, remembered ones too", async () => {
  await inTempDir(async (baseDir) => {
    const { terminal } = new MemoryTerminal();
    const of = async (tasks: Task[]) => {
      const [whole] = tasks, train = new TaskMixture([identity, ...tasks]);
      const mixtures = { train, validation: new TaskMixture([whole]), ownTrain: tasks };
      const checked = await checkMixtures(mixtures, { tokenizer, T: 256 }, {
        baseDir,
        terminal,
        signal,
      });
      assert(checked.ownTrain);
      return checked.ownTrain;
    };
    const many = Array.from({ length: 1200 }, (_, i) => [
      { role: "user", content: "Say it." },
      { role: "assistant", content: "word ".repeat(i === 700 ? 90 : i % 30) + "end" },
    ]);
    const path = join(baseDir, "own.jsonl");
    await Deno.writeTextFile(path, many.map((line) => JSON.stringify(line) + "\n").join(""));
    const first = await of(repeatTask(await OwnConversations.load(path), 2));
    assertEquals(first.conversations, 2400);
    assert(first.longest[0].place.startsWith(`${path}, `));
    assert(/ 701$/.test(first.longest[0].place));
    const memory = join(baseDir, "checked_data.json");
    assert((await Deno.readTextFile(memory)).includes('"longest"'));
    assertEquals(await of(repeatTask(await OwnConversations.load(path), 2)), first);
    // A file of another name with the same conversations is named as it is.
    const other = join(baseDir, "other.jsonl");
    await Deno.rename(path, other);
    const renamed = await of([await OwnConversations.load(other)]);
    assert(renamed.longest[0].place.startsWith(`${other}, `));
    const [sizes, lengths, longest] = dataLines(renamed);
    assert(sizes.startsWith("Own data: 1,200 conversations, "));
    const told = lengths.matchAll(/ ([\d,]+): ([\d,]+)/g);
    assertEquals(
      Array.from(told, ([, most, count]) => [most, count].map((text) => +text.replace(",", ""))),
      renamed.histogram.map(({ most, conversations }) => [most, conversations]),
    );
    assert(longest.endsWith(` of ${other}`));
  });
});

Deno.test("a run without own data has no numbers of it", async () => {
  const { terminal } = new MemoryTerminal();
  const mixture = new TaskMixture([identity]);
  const checked = await checkMixtures(
    { train: mixture, validation: mixture },
    { tokenizer, T: 256 },
    { baseDir: "/nowhere", terminal, signal },
  );
  assertEquals(checked.ownTrain, undefined);
});
