/**
 * Turns tokens into text one by one. A character whose UTF-8 bytes are spread over several tokens
 * appears with its last one.
 */
export class StreamingDecoder {
  #bytesOf: (id: number) => Uint8Array;
  #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /**
   * Starts with no text; {@linkcode Tokenizer.streamingDecoder} makes one for its tokens.
   *
   * @param bytesOf The bytes of a token.
   */
  constructor(bytesOf: (id: number) => Uint8Array) {
    this.#bytesOf = bytesOf;
  }

  /** The text that this token completes; empty while a character is unfinished. */
  push(id: number): string {
    return this.#decoder.decode(this.#bytesOf(id), { stream: true });
  }

  /** What is left at the end: U+FFFD if a character stayed unfinished, else nothing. */
  end(): string {
    return this.#decoder.decode();
  }
}
