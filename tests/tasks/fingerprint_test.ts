import { assertEquals, assertMatch } from "@std/assert";
import {
  CompactRows,
  CustomJSON,
  GSM8K,
  shuffleRows,
  SimpleSpelling,
  SmolTalk,
  SpellingBee,
  TaskMixture,
} from "../../lib/tasks/mod.ts";

/** Rows of the given values. */
function rowsOf(...values: unknown[]): CompactRows {
  const rows = new CompactRows("rows");
  for (const value of values) rows.add({ value });
  return rows;
}

async function ownData(...answers: string[]): Promise<CustomJSON> {
  const lines = answers.map((content) =>
    JSON.stringify([{ role: "user", content: "Hi" }, { role: "assistant", content }])
  );
  return await CustomJSON.load(new Blob([lines.join("\n")]).stream(), "own.jsonl");
}

Deno.test("tasks of other conversations have other fingerprints, those of equal ones the same", async () => {
  const made = async () =>
    await Promise.all([
      new SmolTalk(rowsOf(1, 2)).fingerprint(),
      new SmolTalk(rowsOf(1, 3)).fingerprint(),
      new SmolTalk(rowsOf(2, 1)).fingerprint(),
      new SmolTalk(rowsOf("1,2")).fingerprint(),
      new SmolTalk(shuffleRows(rowsOf(1, 2))).fingerprint(),
      new SmolTalk(rowsOf(1, 2), { stop: 1 }).fingerprint(),
      new SmolTalk(rowsOf(1, 2), { start: 1 }).fingerprint(),
      new GSM8K(rowsOf(1, 2)).fingerprint(),
      new SimpleSpelling(["a", "b"], { size: 3, split: "train" }).fingerprint(),
      new SimpleSpelling(["a", "b"], { size: 3, split: "test" }).fingerprint(),
      new SimpleSpelling(["a", "b"], { size: 4, split: "train" }).fingerprint(),
      new SimpleSpelling(["a", "c"], { size: 3, split: "train" }).fingerprint(),
      new SpellingBee(["a", "b"], { size: 3, split: "train" }).fingerprint(),
      (await ownData("one", "two")).fingerprint(),
      (await ownData("one", "too")).fingerprint(),
    ]);
  const fingerprints = await made();
  assertEquals(new Set(fingerprints).size, fingerprints.length);
  assertEquals(await made(), fingerprints);
  for (const fingerprint of fingerprints) assertMatch(fingerprint!, /[0-9a-f]{64}$/);
});

Deno.test("a task that does not say what it is made from has no fingerprint", async () => {
  const rows = rowsOf(1);
  const unknown = { length: 1, get: () => rows.get(0), where: () => "somewhere" };
  assertEquals(await new SmolTalk(unknown).fingerprint(), undefined);
  assertEquals(await new SmolTalk(shuffleRows(unknown)).fingerprint(), undefined);
  assertEquals(await new TaskMixture([new SmolTalk(rows)]).fingerprint(), undefined);
});

Deno.test("a checksum of rows is that of all rows added so far", async () => {
  const rows = rowsOf(1, 2);
  assertEquals(await rows.checksum(), await rowsOf(1, 2).checksum());
  rows.add({ value: 3 });
  assertEquals(await rows.checksum(), await rowsOf(1, 2, 3).checksum());
});
