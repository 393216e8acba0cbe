/** What a person is advised when something is wrong. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { wordError } from "../../cli/errors.ts";
import { UserError } from "../../lib/errors.ts";
import { conversationOf, parseKeyMap } from "../../lib/tasks/mod.ts";

/** What is said of a record in no form. */
const adviceOn = (record: unknown, command: "sft" | "inspect" | "chat" = "inspect") =>
  wordError(assertThrows(() => conversationOf(record), UserError), command).split("; ").at(-1)!;

Deno.test("two texts are advised to be read as a question and its answer, by their own names", () => {
  const record = { Frage: "Was?", "Größe-2": "Das.", id: 3 };
  const advice = adviceOn(record);
  const says = "say what its keys or speakers are called: --data-map ";
  assertEquals(advice, `${says}question=Frage,answer=Größe-2`);
  // What is advised works.
  const map = parseKeyMap(advice.slice(says.length));
  assertEquals(conversationOf(record, { map }).messages.map(({ content }) => content), [
    "Was?",
    "Das.",
  ]);
  for (
    const other of [{ a: "1" }, { a: "1", b: "2", c: "3" }, { "a, b": "1", c: "2" }, { a: [] }]
  ) {
    assertStringIncludes(adviceOn(other), "--data-map messages=dialog,user=Customer");
  }
  assert(!adviceOn(record, "chat").includes("--data-map"));
});
