import { UserError } from "../errors.ts";
import { readLines } from "../json_lines.ts";
import { PythonRandom } from "../random/mod.ts";
import type { DatasetSource } from "./source.ts";

/** Name of the word list in the base directory. */
const WORD_LIST = "words_alpha.txt";
/** Added to the index of test examples: more than any training set has, so none is seen twice. */
const TEST_SEED_OFFSET = 10_000_000;

/** How many examples a spelling task makes, and from which of two disjoint sets of seeds. */
export interface SpellingOptions {
  /** How many examples to make. */
  size: number;
  /** Examples of `test` come from other seeds than those of `train`. */
  split: "train" | "test";
}

/**
 * The word list that the spelling tasks draw from: `words_alpha.txt` of dwyl/english-words, a word
 * a line.
 *
 * @throws {UserError} If the source does not have it, or it holds no words.
 */
export async function loadWords(source: DatasetSource): Promise<string[]> {
  const words: string[] = [];
  for await (const { text } of readLines(await source.open(WORD_LIST), WORD_LIST)) {
    const word = text.trim();
    if (word !== "") words.push(word);
  }
  if (words.length === 0) throw new UserError(`${WORD_LIST} holds no words`);
  return words;
}

/** The generator of one example. */
export function exampleRandom(index: number, split: "train" | "test"): PythonRandom {
  return new PythonRandom(split === "test" ? TEST_SEED_OFFSET + index : index);
}

/** The word and its letters: `bee: b e e`. Each letter is its own token, space included. */
export function spellOut(word: string): string {
  return `${word}: ${[...word].join(" ")}`;
}
