/**
 * Tool use while sampling: a model writes an expression, the calculator's answer is put into its
 * mouth.
 *
 * @module
 */

import { calculate } from "./calculator.ts";

/** What tool use needs of a tokenizer. */
export interface ToolUseTokenizer {
  /** The id of `<|bos|>`. */
  readonly bosId: number;
  /** Text to ids, without special tokens. */
  encode(text: string): ArrayLike<number>;
  /** Ids to text. */
  decode(ids: number[]): string;
  /** The id of a special token such as `<|python_start|>`. */
  encodeSpecial(name: string): number;
}

/** One token of a row, as it goes into the sequence and back into the model. */
export interface ToolUseStep {
  /** The token's id. */
  token: number;
  /** Whether the token is part of a tool's answer, not the model's choice. */
  forced: boolean;
}

/**
 * The tool-use state of one row of samples, after `RowState` in nanochat's `nanochat/engine.py`.
 *
 * What the row says between `<|python_start|>` and `<|python_end|>` is calculated; the result, if
 * there is one, follows as `<|output_start|> result <|output_end|>`, whatever the model would have
 * sampled there. The row is complete after `<|assistant_end|>` or `<|bos|>`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ToolUse } from "@nanochat/sft/engine";
 *
 * const names = ["<|bos|>", "<|assistant_end|>", "<|python_start|>", "<|python_end|>",
 *   "<|output_start|>", "<|output_end|>"];
 * const letters = {
 *   bosId: 256,
 *   encode: (text: string) => [...text].map((letter) => letter.charCodeAt(0)),
 *   decode: (ids: number[]) => String.fromCharCode(...ids),
 *   encodeSpecial: (name: string) => 256 + names.indexOf(name),
 * };
 * const row = new ToolUse(letters);
 * for (const sampled of [258, ...letters.encode("6*7"), 259]) row.next(sampled);
 *
 * const ignored = 0;
 * assertEquals(row.next(ignored), { token: 260, forced: true });
 * assertEquals(row.next(ignored), { token: "4".charCodeAt(0), forced: true });
 * ```
 */
export class ToolUse {
  readonly #tokenizer: ToolUseTokenizer;
  readonly #special: Record<
    "end" | "pythonStart" | "pythonEnd" | "outputStart" | "outputEnd",
    number
  >;
  /** The expression so far, null outside of one. */
  #expression: number[] | null = null;
  #forced: number[] = [];
  #completed = false;

  /**
   * Starts before a row's first token.
   *
   * @param tokenizer The tokenizer of the model that is sampled.
   */
  constructor(tokenizer: ToolUseTokenizer) {
    this.#tokenizer = tokenizer;
    this.#special = {
      end: tokenizer.encodeSpecial("<|assistant_end|>"),
      pythonStart: tokenizer.encodeSpecial("<|python_start|>"),
      pythonEnd: tokenizer.encodeSpecial("<|python_end|>"),
      outputStart: tokenizer.encodeSpecial("<|output_start|>"),
      outputEnd: tokenizer.encodeSpecial("<|output_end|>"),
    };
  }

  /** Whether the row's turn is over. */
  get completed(): boolean {
    return this.#completed;
  }

  /** The tokens of a tool's answer that come next, whatever is sampled. */
  get due(): readonly number[] {
    return this.#forced;
  }

  /**
   * Takes the next token of the row.
   *
   * @param sampled The id the model sampled; it is dropped where a tool's answer is due.
   * @returns The id that counts.
   */
  next(sampled: number): ToolUseStep {
    const due = this.#forced.shift();
    const token = due ?? sampled;
    this.#follow(token);
    return { token, forced: due !== undefined };
  }

  #follow(token: number): void {
    const { end, pythonStart, pythonEnd } = this.#special;
    if (token === end || token === this.#tokenizer.bosId) this.#completed = true;
    else if (token === pythonStart) this.#expression = [];
    else if (token === pythonEnd) this.#evaluate();
    else this.#expression?.push(token);
  }

  #evaluate(): void {
    const expression = this.#expression;
    this.#expression = null;
    if (expression === null) return;
    const result = calculate(this.#tokenizer.decode(expression));
    if (result === null) return;
    const { outputStart, outputEnd } = this.#special;
    this.#forced = [outputStart, ...Array.from(this.#tokenizer.encode(result)), outputEnd];
  }
}
