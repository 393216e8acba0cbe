/**
 * Makes documents that spell words out, for pretraining the tiny base model:
 * `deno run -A data/make_spellings.ts OUT.jsonl FILE…`. The words are those of the text files that
 * occur three times or more in small letters. The same files always give the same documents.
 */

import { readDocuments } from "../lib/base/mod.ts";
import { PythonRandom } from "../lib/random/mod.ts";

/** How often a word must occur; rarer ones are mostly misspelled. */
const LEAST_COUNT = 3;
/** Letters of a word, at least and at most. */
const LETTERS = [3, 14];
/** Words of a document. */
const WORDS_PER_DOCUMENT = 12;
/** How often each word is spelled. */
const ROUNDS = 3;

async function countWords(files: string[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const text of readDocuments(files)) {
    for (const [word] of text.matchAll(/(?<![A-Za-z])[a-z]+(?![A-Za-z])/g)) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

/** `bee: b e e` on each line, in half of the documents behind a question. */
function spellDocument(words: string[], asked: boolean): string {
  const lines = words.map((word) => {
    const spelled = `${word}: ${[...word].join(" ")}`;
    return asked ? `How do you spell ${word}? ${spelled}` : spelled;
  });
  return lines.join("\n");
}

const [out, ...files] = Deno.args;
const words = [...await countWords(files)]
  .filter(([word, n]) =>
    n >= LEAST_COUNT && word.length >= LETTERS[0] && word.length <= LETTERS[1]
  )
  .map(([word]) => word).sort();
const random = new PythonRandom(42);
const documents: string[] = [];
for (let round = 0; round < ROUNDS; round++) {
  random.shuffle(words);
  for (let i = 0; i < words.length; i += WORDS_PER_DOCUMENT) {
    documents.push(spellDocument(words.slice(i, i + WORDS_PER_DOCUMENT), random.random() < 0.5));
  }
}
await Deno.writeTextFile(out, documents.map((text) => JSON.stringify({ text }) + "\n").join(""));
console.log(`${words.length} words, each spelled ${ROUNDS} times, in ${documents.length} documents`);
