/** Which conversations are kept apart to measure on. */
import { assert, assertEquals } from "@std/assert";
import { CustomJSON, splitTasks, type Task } from "../../lib/tasks/mod.ts";

/** A task of conversations with these questions. */
async function taskOf(questions: string[], name = "own.jsonl"): Promise<CustomJSON> {
  const answer = { role: "assistant", content: "Yes." };
  const lines = questions.map((content) => JSON.stringify([{ role: "user", content }, answer]));
  return await CustomJSON.load(new Blob([lines.join("\n")]).stream(), name);
}

const questions = (task: Task) =>
  Array.from({ length: task.length }, (_, i) => task.get(i).messages[0].content as string);
const numbered = (count: number, word = "Q") =>
  Array.from({ length: count }, (_, i) => `${word} ${i}`);

Deno.test("a share is kept apart: at least one conversation, at most 1,000, none trained on", async () => {
  for (
    const [count, share, wanted] of [
      [2, 0.05, 1],
      [20, 0.05, 1],
      [200, 0.05, 10],
      [50, 0.5, 25],
      [
        3000,
        0.5,
        1000,
      ],
      [20, 0, 0],
      [1, 0.05, 0],
      [5, 1, 4],
    ]
  ) {
    const task = await taskOf(numbered(count));
    const [{ train, held }] = await splitTasks([task], share);
    assertEquals(held.length, wanted, `${count} x ${share}`);
    const kept = new Set(questions(held));
    assertEquals(kept.size, wanted);
    // What is left keeps its order.
    assertEquals(questions(train), questions(task).filter((question) => !kept.has(question)));
  }
});

Deno.test("the same conversations are kept apart each time, wherever they stand", async () => {
  const held = async (texts: string[]) =>
    questions((await splitTasks([await taskOf(texts)], 0.1))[0].held).toSorted();
  const texts = numbered(60), some = await held(texts);
  assertEquals(await held(texts), some);
  assertEquals(await held(texts.toReversed()), some);
  const more = await held([...texts, ...numbered(30, "new")]);
  assert(some.filter((text) => more.includes(text)).length >= 4, `${some} / ${more}`);
});

Deno.test("conversations of one text are on one side, of whichever file", async () => {
  const texts = numbered(40);
  const first = await taskOf([...texts, ...texts.map((text) => `  ${text.replace(" ", "\n")} `)]);
  const second = await taskOf([...texts.slice(0, 30), "alone"], "second.jsonl");
  const parts = await splitTasks([first, second], 0.2);
  const trim = (text: string) => text.replace(/\s+/g, " ").trim();
  const side = (name: "train" | "held") =>
    new Set(parts.flatMap((part) => questions(part[name]).map(trim)));
  assert(side("held").size > 5);
  assertEquals([...side("held").intersection(side("train"))], []);
});

Deno.test("each file keeps something to train on, and copies are not all taken", async () => {
  const single = await taskOf(["only"]), other = await taskOf(numbered(9));
  const [one, many] = await splitTasks([single, other], 1);
  assertEquals([one.train.length, one.held.length], [1, 0]);
  assertEquals([many.train.length, many.held.length], [1, 8]);
  // No text is there seldom enough for the share: the rarest is taken.
  const copies = await taskOf([..."aaaaaaabbbccccccc"]);
  const [{ held }] = await splitTasks([copies], 0.05);
  assertEquals(questions(held), ["b", "b", "b"]);
  const [same] = await splitTasks([await taskOf(["a", "a", "a"])], 0.5);
  assertEquals([same.train.length, same.held.length], [3, 0]);
});

Deno.test("a part names its conversations as the file does, and knows itself by its content", async () => {
  const [a] = await splitTasks([await taskOf(numbered(20))], 0.2);
  const [b] = await splitTasks([await taskOf(numbered(20))], 0.2);
  const [c] = await splitTasks([await taskOf(numbered(20, "R"))], 0.2);
  const number = Number(questions(a.held)[0].split(" ")[1]);
  assertEquals(a.held.where(0), `own.jsonl, conversation ${number + 1}`);
  const prints = await Promise.all([a.train, b.train, a.held, c.train].map((t) => t.fingerprint()));
  assertEquals(prints[0], prints[1]);
  assertEquals(new Set(prints).size, 3);
});
