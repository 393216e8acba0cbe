import { assert, assertEquals, assertThrows } from "@std/assert";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { SPECIAL_TOKENS, Tokenizer } from "../../lib/tokenizer/mod.ts";
import { Merger } from "../../lib/tokenizer/merge.ts";
import {
  mergeNaively,
  randomNumbers,
  randomText,
  readReferenceRows,
  TOKENIZER_DIRECTORY,
  trainNaively,
} from "./reference.ts";

const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));

Deno.test("encodes every reference text as tiktoken does, and decodes it back", async () => {
  const { encode } = await readReferenceRows();
  assertEquals(encode.length, 80);
  for (const { text, ids } of encode) {
    assertEquals(tokenizer.encode(text), ids, JSON.stringify(text));
    assertEquals(tokenizer.decode(ids), text);
  }
});

Deno.test("random text survives encode and decode", () => {
  const random = randomNumbers(2);
  for (let i = 0; i < 1000; i++) {
    const text = randomText(random, 40);
    assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
  }
});

Deno.test("a lone surrogate is encoded as U+FFFD", () => {
  assertEquals(tokenizer.encode("a\ud800b"), tokenizer.encode("a\ufffdb"));
  assertEquals(tokenizer.encode("\udfff"), [239, 191, 189]);
});

Deno.test("special tokens come by name and never from text", () => {
  assertEquals(tokenizer.vocabSize, 4096);
  assertEquals(tokenizer.bosId, 4087);
  assertEquals(SPECIAL_TOKENS.map((name) => tokenizer.encodeSpecial(name)), [
    ...[4087, 4088, 4089, 4090, 4091, 4092, 4093, 4094, 4095],
  ]);
  for (const name of SPECIAL_TOKENS) {
    assertEquals(tokenizer.encode(name).some((id) => id >= 4087), false);
    assertEquals(tokenizer.decode([tokenizer.encodeSpecial(name)]), name);
  }
});

Deno.test("short and long pieces merge as the naive loop does", () => {
  const random = randomNumbers(3);
  const letters = () => String.fromCharCode(97 + Math.floor(random() ** 2 * 4));
  const word = (length: number) => Array.from({ length }, letters).join("");
  const tokens = trainNaively([word(3000)], 256 + 60);
  const merger = new Merger(tokens);
  const lengths = [1, 2, 3, 10, 95, 96, 97, 98, 200, 400];
  for (const length of [...lengths, ...lengths, ...lengths]) {
    for (const text of [word(length), "a".repeat(length), "ab".repeat(length / 2 + 1)]) {
      const bytes = new TextEncoder().encode(text);
      assertEquals(merger.merge(bytes), mergeNaively(bytes, tokens), text);
    }
  }
});

Deno.test("a piece that is a token is that token, even if no merges lead to it", () => {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  tokens.push(new TextEncoder().encode("xyz"));
  const odd = new Tokenizer({ pattern: String.raw`\p{L}+|.|\n`, tokens, specialTokens: new Map() });
  assertEquals(odd.encode("xyz xyzz"), [256, 32, 120, 121, 122, 122]);
});

Deno.test("more different pieces than are remembered still encode alike", () => {
  const words = Array.from({ length: 70_000 }, (_, i) => `q${i.toString(26).replace(/\d/g, "z")}q`);
  const before = words.slice(0, 100).map((word) => tokenizer.encode(word));
  for (const word of words) tokenizer.encode(word);
  assertEquals(words.slice(0, 100).map((word) => tokenizer.encode(word)), before);
});

Deno.test("a text in parts has the ids of the whole", () => {
  const text = "It's 2026:   two  words\n\n 🙂\ud800 and 12345 more ".repeat(20);
  for (const characters of [1, 7, 100, text.length, Infinity]) {
    const parts = [...tokenizer.encodeInParts(text, characters)];
    assertEquals(parts.flat(), tokenizer.encode(text));
    assert(characters >= text.length ? parts.length === 1 : parts.length > 1);
  }
  assertEquals([...tokenizer.encodeInParts("", 10)], []);
});

Deno.test("a vocabulary that does not fit together is refused", () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const make =
    (tokens: Uint8Array[], specials: [string, number][], tokenBytes?: Int32Array<ArrayBuffer>) =>
    () => new Tokenizer({ pattern: "[^]", tokens, specialTokens: new Map(specials), tokenBytes });
  assertThrows(make(bytes.slice(0, 255), []), UserError, "no token for the byte 255");
  assertThrows(make(bytes, [["<|bos|>", 255]]), UserError, "<|bos|> has id 255");
  assertThrows(make(bytes, [["<|bos|>", 257]]), UserError, "<|bos|> has id 257");
  assertThrows(make(bytes, [], new Int32Array(3)), UserError, "token_bytes.pt has 3 entries");
  assertThrows(() => make(bytes, [])().bosId, UserError, "no special token <|bos|>");
});
