/**
 * The special tokens of a nanochat tokenizer, in the order of their ids: the first follows the
 * last merge. Text never encodes to them; only {@linkcode Tokenizer.encodeSpecial} and the chat
 * format do.
 */
export const SPECIAL_TOKENS = [
  "<|bos|>", // begins every document
  "<|user_start|>",
  "<|user_end|>",
  "<|assistant_start|>",
  "<|assistant_end|>",
  "<|python_start|>", // the assistant calls the Python tool
  "<|python_end|>",
  "<|output_start|>", // the tool's answer
  "<|output_end|>",
] as const;

/** The name of a special token. */
export type SpecialToken = (typeof SPECIAL_TOKENS)[number];
