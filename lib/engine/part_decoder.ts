/**
 * An answer's tokens as pieces of text, expressions and results.
 *
 * @module
 */
import type { ContentPart } from "../conversation.ts";
import type { StreamingDecoder, Tokenizer } from "../tokenizer/mod.ts";

/** Turns an answer's tokens into pieces, as they come. */
export class PartDecoder {
  readonly #decoder: StreamingDecoder;
  readonly #types: ReadonlyMap<number, ContentPart["type"]>;
  #type: ContentPart["type"] = "text";

  /** Starts before an answer's first token. */
  constructor(tokenizer: Tokenizer) {
    this.#decoder = tokenizer.streamingDecoder();
    this.#types = new Map([
      [tokenizer.encodeSpecial("<|python_start|>"), "python"],
      [tokenizer.encodeSpecial("<|python_end|>"), "text"],
      [tokenizer.encodeSpecial("<|output_start|>"), "python_output"],
      [tokenizer.encodeSpecial("<|output_end|>"), "text"],
    ]);
  }

  /** The piece that a token completes, if any. */
  push(token: number): ContentPart | undefined {
    const type = this.#types.get(token);
    if (type === undefined) return this.#part(this.#decoder.push(token));
    const rest = this.end();
    this.#type = type;
    return rest;
  }

  /** What is left of an unfinished character. */
  end(): ContentPart | undefined {
    return this.#part(this.#decoder.end());
  }

  #part(text: string): ContentPart | undefined {
    return text === "" ? undefined : { type: this.#type, text };
  }
}
