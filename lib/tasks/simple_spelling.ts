import type { Conversation } from "../conversation.ts";
import { PythonRandom } from "../random/mod.ts";
import { checksumOfText } from "./checksum.ts";
import { ask, SPELL_PHRASES } from "./spelling_phrases.ts";
import { EvalTask, type TaskSlice } from "./task.ts";
import { exampleRandom, type SpellingOptions, spellOut } from "./words.ts";

/** The seed that the word list is shuffled with. */
const WORDS_SEED = 42;

/**
 * Spelling words, and nothing else: tokens hide their letters, and a small model only learns which
 * they are if it is shown many. Examples are made from a word list, each from its own seed.
 *
 * @example
 * ```ts
 * import { SimpleSpelling } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * const task = new SimpleSpelling(["bee"], { size: 10, split: "train" });
 * assertEquals(task.get(3).messages[1].content, "bee: b e e");
 * ```
 */
export class SimpleSpelling extends EvalTask {
  /** The answer is sampled text. */
  override readonly evalType = "generative";
  readonly #words: string[];
  readonly #options: SpellingOptions;

  /** Draws from a word list, such as `loadWords` gives. */
  constructor(words: readonly string[], options: SpellingOptions & TaskSlice) {
    super(options);
    // Another order than SpellingBee's, so that equal seeds do not pick equal words.
    this.#words = [...words];
    new PythonRandom(WORDS_SEED).shuffle(this.#words);
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
    return {
      messages: [
        { role: "user", content: ask(random, SPELL_PHRASES, { word }) },
        { role: "assistant", content: spellOut(word) },
      ],
    };
  }

  /** Whether the completion spells the word as the task does. */
  override evaluate(problem: Conversation, completion: string): boolean {
    return completion.trim() === problem.messages.at(-1)!.content;
  }
}
