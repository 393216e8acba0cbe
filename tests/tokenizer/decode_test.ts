import { assertEquals, assertThrows } from "@std/assert";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { randomNumbers, randomText, TOKENIZER_DIRECTORY } from "./reference.ts";

const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));

Deno.test("decodes to bytes, keeping what is no UTF-8", () => {
  assertEquals(
    tokenizer.decodeBytes([0xff, 97, 4087]),
    new TextEncoder().encode("\0a<|bos|>").with(0, 255),
  );
  assertEquals(tokenizer.decodeBytes([]), new Uint8Array(0));
});

Deno.test("decodes bytes that are no UTF-8 to U+FFFD, as Python's errors='replace'", () => {
  assertEquals(tokenizer.decode([97, 0xff, 98]), "a\ufffdb");
  assertEquals(tokenizer.decode([0xf0, 0x9f, 0x99]), "\ufffd");
  assertEquals(tokenizer.decode([0xc0, 0x80]), "\ufffd\ufffd");
});

Deno.test("a byte order mark is kept", () => {
  const text = "\ufeffx\ufeff";
  assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
});

Deno.test("an id outside the vocabulary is an error", () => {
  for (const id of [-1, 4096, 1.5]) {
    assertThrows(() => tokenizer.decode([id]), RangeError, `token id ${id}`);
  }
});

Deno.test("streaming gives each character with its last token, and the same text in all", () => {
  const random = randomNumbers(4);
  for (let i = 0; i < 300; i++) {
    const text = randomText(random, 20);
    const decoder = tokenizer.streamingDecoder();
    const pushed = tokenizer.encode(text).map((id) => decoder.push(id));
    assertEquals(pushed.join("") + decoder.end(), text);
  }
  const decoder = tokenizer.streamingDecoder();
  assertEquals([0xf0, 0x9f, 0x99, 0x82].map((id) => decoder.push(id)), ["", "", "", "🙂"]);
  assertEquals(decoder.end(), "");
});

Deno.test("streaming shows a character that stays unfinished as U+FFFD", () => {
  const decoder = tokenizer.streamingDecoder();
  assertEquals(decoder.push(0xf0), "");
  assertEquals(decoder.push(97), "\ufffda");
  assertEquals(decoder.push(0xc3), "");
  assertEquals(decoder.end(), "\ufffd");
});
