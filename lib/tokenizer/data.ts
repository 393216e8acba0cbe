/** What defines a tokenizer, and what its files hold. */
export interface TokenizerData {
  /** The split pattern, in the dialect of Rust's `fancy-regex`. */
  pattern: string;
  /** The bytes of each ordinary token; the index is its id and its merge rank. */
  tokens: Uint8Array[];
  /** The special tokens by name; their ids follow those of the ordinary tokens. */
  specialTokens: ReadonlyMap<string, number>;
  /** How many bytes of text each id stands for, specials 0; counted when absent. */
  tokenBytes?: Int32Array<ArrayBuffer>;
}
