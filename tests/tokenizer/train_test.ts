import { assert, assertEquals, assertRejects } from "@std/assert";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import {
  SPECIAL_TOKENS,
  SPLIT_PATTERN,
  Tokenizer,
  trainTokenizer,
} from "../../lib/tokenizer/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { randomNumbers, randomText, readReferenceRows, trainNaively } from "./reference.ts";

async function trainedTokens(texts: string[], merges: number): Promise<Uint8Array[]> {
  const vocabSize = 256 + SPECIAL_TOKENS.length + merges;
  const tokenizer = await trainTokenizer(texts, { vocabSize });
  return Array.from({ length: tokenizer.bosId }, (_, id) => tokenizer.decodeBytes([id]));
}

Deno.test("learns what a trainer that counts anew for each merge learns", async () => {
  const random = randomNumbers(5);
  const { conversations } = await readReferenceRows();
  const chat = conversations.map(({ conversation }) => JSON.stringify(conversation.messages));
  for (
    const texts of [
      chat.slice(0, 20),
      Array.from({ length: 50 }, () => randomText(random, 40)),
      // Few letters: runs, overlaps and ties everywhere.
      Array.from({ length: 30 }, () => "ab".charAt(random() * 2).repeat(random() * 9)),
      Array.from({ length: 200 }, () => "aab".charAt(random() * 3)).join("").match(/.{1,20}/g)!,
      ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
    ]
  ) {
    assertEquals(await trainedTokens(texts, 150), trainNaively(texts, 256 + 150));
  }
});

Deno.test("of equally frequent pairs the smallest ids win", async () => {
  const tokens = await trainedTokens(["xy", "ab", "xy", "ab"], 1);
  assertEquals(tokens[256], new TextEncoder().encode("ab"));
});

Deno.test("the order of the texts does not matter, nor whether they come asynchronously", async () => {
  const random = randomNumbers(6);
  const texts = Array.from({ length: 100 }, () => randomText(random, 20));
  async function* slowly() {
    for (const text of texts.toReversed()) yield await Promise.resolve(text);
  }
  const [a, b] = await Promise.all([
    trainTokenizer(texts, { vocabSize: 400 }),
    trainTokenizer(slowly(), { vocabSize: 400 }),
  ]);
  const sample = texts.join("");
  assertEquals(a.encode(sample), b.encode(sample));
});

Deno.test("gives nanochat's pattern and special tokens, and takes another pattern", async () => {
  const tokenizer = await trainTokenizer(["hello hello"], { vocabSize: 268 });
  assertEquals(tokenizer.pattern, SPLIT_PATTERN);
  assertEquals(tokenizer.vocabSize, 268);
  assertEquals(tokenizer.bosId, 259);
  assertEquals([...tokenizer.specialTokens.keys()], [...SPECIAL_TOKENS]);
  const words = await trainTokenizer(["hello hello"], { vocabSize: 300, pattern: "[^]+" });
  assertEquals(words.encode("hello hello").length, 1);
});

Deno.test("long runs of spaces are learned and encoded, and a token may be longer than a call", async () => {
  const spaces = " ".repeat(300_000);
  const trained = await trainTokenizer([`${spaces}x`], { vocabSize: 300 });
  await inTempDir(async (dir) => {
    await trained.save(new DiskFolder(dir));
    const tokenizer = await Tokenizer.load(new DiskFolder(dir));
    const ids = tokenizer.encode(`${spaces}x`);
    assertEquals(tokenizer.decode(ids), `${spaces}x`);
    assert(ids.length < 20, `${ids.length} tokens`);
    assert(tokenizer.tokenBytes.some((bytes) => bytes > 2 ** 17));
  });
});

Deno.test("stops when no pair is left", async () => {
  const tokenizer = await trainTokenizer(["abc"], { vocabSize: 1000 });
  assertEquals(tokenizer.vocabSize, 256 + 2 + SPECIAL_TOKENS.length);
  assertEquals((await trainTokenizer([], { vocabSize: 1000 })).vocabSize, 265);
});

Deno.test("tells how far it is", async () => {
  const calls: number[][] = [];
  const onProgress = (done: number, wanted: number) => calls.push([done, wanted]);
  await trainTokenizer(["abcd"], { vocabSize: 267, onProgress });
  assertEquals(calls, [[1, 2], [2, 2]]);
});

Deno.test("a vocabulary without room for bytes and special tokens is refused", async () => {
  await assertRejects(
    () => trainTokenizer([], { vocabSize: 264 }),
    UserError,
    "ask for 265 or more",
  );
});

Deno.test("is broken off between counting and merging, which may be far apart", async () => {
  const controller = new AbortController();
  const texts = async function* () {
    yield "the cat sat on the mat";
    controller.abort();
  };
  let merges = 0;
  const { signal } = controller;
  const train = () =>
    trainTokenizer(texts(), { vocabSize: 270, signal, onProgress: () => merges++ });
  await assertRejects(train, DOMException);
  assertEquals(merges, 0);
});
