import { assertEquals } from "@std/assert";
import { TextLineStream } from "@std/streams";

Deno.test("lines come whole whatever the chunks", async () => {
  const chunks = ReadableStream.from(["on", "e\r", "\ntw", "o\n\nthree"]);
  const lines = await Array.fromAsync(chunks.pipeThrough(new TextLineStream()));
  assertEquals(lines, ["one", "two", "", "three"]);
});
