import type { ContentPart, Conversation } from "../conversation.ts";
import { checksumOfText } from "./checksum.ts";
import { sameFinalAnswer } from "./final_answer.ts";
import { ask, COUNT_PHRASES } from "./spelling_phrases.ts";
import { EvalTask, type TaskSlice } from "./task.ts";
import { exampleRandom, type SpellingOptions, spellOut } from "./words.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";
/** How often the letter asked for is one of the word's. */
const LETTER_OF_WORD = 0.9;

/**
 * Counting a letter in a word. The assistant spells the word, counts by hand, checks the count with
 * Python and ends with `#### count`. Examples are made from a word list, each from its own seed.
 *
 * @example
 * ```ts
 * import { SpellingBee } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * const task = new SpellingBee(["eee"], { size: 10, split: "test" });
 * const problem = task.get(0);
 * assertEquals(task.evaluate(problem, "#### 3"), true);
 * assertEquals(task.evaluate(problem, "#### 4"), false);
 * ```
 */
export class SpellingBee extends EvalTask {
  /** The answer is the number after `####` in sampled text. */
  override readonly evalType = "generative";
  readonly #words: readonly string[];
  readonly #options: SpellingOptions;

  /** Draws from a word list, such as `loadWords` gives. */
  constructor(words: readonly string[], options: SpellingOptions & TaskSlice) {
    super(options);
    this.#words = words;
    this.#options = options;
  }

  /** How many examples the task makes. */
  protected override get numExamples(): number {
    return this.#options.size;
  }

  /** The words and the split, of whose seeds the examples are made. */
  protected override async source(): Promise<string> {
    return `${this.#options.split} of ${await checksumOfText(this.#words.join("\n"))}`;
  }

  /** Makes one example. */
  protected override example(index: number): Conversation {
    const random = exampleRandom(index, this.#options.split);
    const word = random.choice(this.#words);
    const letter = random.choice(random.random() < LETTER_OF_WORD ? word : ALPHABET);
    return {
      messages: [
        { role: "user", content: ask(random, COUNT_PHRASES, { word, letter }) },
        { role: "assistant", content: countByHandAndPython(word, letter) },
      ],
    };
  }

  /** Whether the completion's final number is the count. */
  override evaluate(problem: Conversation, completion: string): boolean {
    return sameFinalAnswer(problem, completion);
  }
}

/** The assistant's answer. Letters stand after a space throughout, so each is always one token. */
function countByHandAndPython(word: string, letter: string): ContentPart[] {
  let count = 0;
  const lines = [...word].map((char, i) => {
    if (char === letter) count++;
    return `${i + 1}. ${char}${char === letter ? ` (${count})` : ""}`;
  });
  const byHand = [
    `Let me spell out ${spellOut(word)}`,
    `Now I go through it and count the letter ${letter}:\n${lines.join("\n")}`,
    `I count ${count}. Python can confirm that:\n\n`,
  ];
  return [
    { type: "text", text: byHand.join("\n\n") },
    { type: "python", text: `'${word}'.count('${letter}')` },
    { type: "python_output", text: `${count}` },
    { type: "text", text: `\n\nPython says ${count}.\n\n#### ${count}` },
  ];
}
