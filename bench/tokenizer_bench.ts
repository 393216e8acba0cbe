// Tokenizer speed. Run with `deno bench -A bench/tokenizer_bench.ts`; the last lines give MB/s.

import { fromFileUrl } from "@std/path";
import { DiskFolder } from "../lib/checkpoint/disk/mod.ts";
import { PythonRandom } from "../lib/random/mod.ts";
import { Tokenizer, trainTokenizer } from "../lib/tokenizer/mod.ts";
import { benchRate } from "./rates.ts";

/** Measures `work` on `bytes` bytes of text. */
function benchText(name: string, bytes: number, work: () => unknown): void {
  benchRate(`${name}, ${(bytes / 1e6).toFixed(1)} MB`, "MB/s", bytes, work);
}

const random = new PythonRandom(0);
const pick = <T>(from: readonly T[]): T => from[Math.floor(random.random() * from.length)];

/** Documents of made-up words, as unevenly frequent as English ones (Zipf's law). */
function madeUpDocuments(count: number, wordsEach: number): string[] {
  const syllables = "the an in er re on at en ed or it is ar as al ing ment com pro con st tr"
    .split(" ");
  const words = Array.from({ length: 50_000 }, (_, rank) => {
    const length = 1 + Math.floor(Math.log10(1 + rank));
    return Array.from({ length }, () => pick(syllables)).join("");
  });
  const word = () => words[Math.floor(words.length ** random.random()) - 1];
  return Array.from({ length: count }, () => {
    let text = "";
    for (let i = 1; i <= wordsEach; i++) text += `${word()}${i % 12 === 0 ? ".\n" : " "}`;
    return text;
  });
}

const tokenizer = await Tokenizer.load(
  new DiskFolder(fromFileUrl(new URL("../tests/fixtures/tokenizer", import.meta.url))),
);

const { conversations } = JSON.parse(
  await Deno.readTextFile(new URL("../tests/fixtures/tokens.json", import.meta.url)),
);
const chat: string[] = conversations.map(({ ids }: { ids: number[] }) => tokenizer.decode(ids));
const chatBytes = new TextEncoder().encode(chat.join("")).length;
benchText("encode English chat and code", chatBytes * 50, () => {
  for (let i = 0; i < 50; i++) for (const text of chat) tokenizer.encode(text);
});

const documents = madeUpDocuments(2500, 600);
const documentBytes = documents.reduce((sum, text) => sum + text.length, 0); // ASCII
benchText(
  "encode made-up words",
  documentBytes,
  () => documents.map((text) => tokenizer.encode(text)),
);

const letters = documents.join("").replace(/[^a-z]/g, "").slice(0, 1e6);
benchText("encode one piece without spaces", letters.length, () => tokenizer.encode(letters));

benchText("train 4096 tokens", documentBytes, () => trainTokenizer(documents, { vocabSize: 4096 }));
