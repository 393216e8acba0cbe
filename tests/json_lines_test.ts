import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../lib/errors.ts";
import { readJsonLines, readLines, wordsFor } from "../lib/json_lines.ts";

/** A stream that comes in these pieces, and breaks off after them if it is to. */
function stream(pieces: (string | Uint8Array)[], error?: Error): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) {
        controller.enqueue(typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
      }
      if (error) controller.error(error);
      else controller.close();
    },
  });
}

Deno.test("lines are the same however the stream is cut", async () => {
  const text = new TextEncoder().encode("\ufeffone\n\nzwei ü\u2028\u0085\r\nthree");
  for (const size of [1, 2, 3, 7, 100]) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < text.length; at += size) pieces.push(text.subarray(at, at + size));
    const lines = await Array.fromAsync(readLines(stream(pieces), "x.txt"));
    assertEquals(
      lines.map(({ number, text }) => [number, text]),
      [[1, "one\n"], [2, "\n"], [3, "zwei ü\u2028\u0085\r\n"], [4, "three"]],
    );
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

Deno.test("JSON lines may have a byte-order mark, CRLF, empty lines and odd line separators", async () => {
  const read = (text: string) =>
    Array.fromAsync(readJsonLines(stream([text]), "x.jsonl", (value) => value));
  assertEquals(await read('\ufeff{"n":1}\r\n\r\n \t\n{"n":"a\u2028b\u2029c"}\r\n\r\n'), [
    { n: 1 },
    { n: "a\u2028b\u2029c" },
  ]);
});

Deno.test("what is no text is named with its line", async () => {
  const fails = async (message: string, ...pieces: (string | Uint8Array)[]) => {
    const read = () => Array.fromAsync(readJsonLines(stream(pieces), "x.jsonl", (value) => value));
    assertEquals((await assertRejects(read, UserError)).message, message);
  };
  const latin1 = Uint8Array.of(0x22, 0xe9, 0x22, 0x0a);
  await fails("x.jsonl, line 3: is not UTF-8 text; save the file in UTF-8", "1\n\n", latin1);
  const nul =
    "x.jsonl, line 2: has a NUL character, so it is not text in UTF-8; save the file in UTF-8";
  await fails(nul, '1\n"\0"\n');
});

Deno.test("JSON over several lines is told from a fault in a line", async () => {
  const messageOf = async (text: string) => {
    const read = () => Array.fromAsync(readJsonLines(stream([text]), "x.json", (value) => value));
    return (await assertRejects(read, UserError)).message;
  };
  const several = "x.json, line 2: begins JSON that goes on over several lines";
  for (const pretty of ['\n[\n  {"a": 1}\n]\n', '\n{\n"a": 1}', '\r\n[{"a": 1},\r\n{"a": 2}]']) {
    assertStringIncludes(await messageOf(pretty), several);
  }
  assert(!(await messageOf('\n{"a" 1}')).includes("several lines"));
  assert(!(await messageOf('{"a": 1}\n{"a":')).includes("several lines"));
});

Deno.test("a value is described by its keys", () => {
  assertEquals(wordsFor({ prompt: 1, "a\u001b": 2 }), 'has the keys "prompt", "a\\u001b"');
  assertEquals(wordsFor({ x: 1 }), 'has the key "x"');
  assertEquals([wordsFor(null), wordsFor([]), wordsFor(7)], [
    "is null",
    "is a list",
    "is a number",
  ]);
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i]));
  assert(wordsFor(many).length < 200);
});
