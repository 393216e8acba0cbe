import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../lib/errors.ts";
import { readJsonLines, readLines } from "../lib/json_lines.ts";

/** A stream that comes in these pieces, and breaks off after them if it is to. */
function stream(pieces: string[], error?: Error): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
      if (error) controller.error(error);
      else controller.close();
    },
  });
}

Deno.test("lines are the same however the stream is cut", async () => {
  const text = "one\n\nzwei ü\r\nthree";
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  for (const size of [1, 2, 3, 7, 100]) {
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g"))!;
    const lines = await Array.fromAsync(readLines(stream(pieces)), decode);
    assertEquals(lines, ["one", "", "zwei ü\r", "three"]);
  }
});

Deno.test("values are converted, and a fault is named with its file and line", async () => {
  const double = (value: unknown) => {
    if (typeof value !== "number") throw new UserError("no number");
    return 2 * value;
  };
  const read = (pieces: string[], error?: Error) =>
    Array.fromAsync(readJsonLines(stream(pieces, error), "x.jsonl", double));
  assertEquals(await read(["1\n \n2", "0\n"]), [2, 40]);
  const fails = (message: string, ...given: Parameters<typeof read>) =>
    assertRejects(() => read(...given), UserError, message);
  await fails("x.jsonl, line 3: no number", ['1\n\n"2"\n']);
  await fails("x.jsonl, line 2: ", ["1\n{\n"]);
  await fails("x.jsonl: broken", [], new Error("broken"));
});
