/**
 * nanochat's tokenizer: byte-level BPE as tiktoken does it, training, the chat format, and the
 * files nanochat keeps it in.
 *
 * @example Train, encode, decode
 * ```ts
 * import { trainTokenizer } from "@nanochat/sft/tokenizer";
 * import { assertEquals } from "@std/assert";
 *
 * const tokenizer = await trainTokenizer(["the cat sat on the mat"], { vocabSize: 270 });
 * const ids = tokenizer.encode("the mat");
 * assertEquals(tokenizer.decode(ids), "the mat");
 * ```
 *
 * @module
 */

export type { ContentPart, Conversation, Message } from "../conversation.ts";
export type { RenderedConversation } from "./chat.ts";
export type { TokenizerData } from "./data.ts";
export { SPECIAL_TOKENS, type SpecialToken } from "./special_tokens.ts";
export { SPLIT_PATTERN } from "./split.ts";
export { StreamingDecoder } from "./streaming_decoder.ts";
export { Tokenizer } from "./tokenizer.ts";
export { trainTokenizer, type TrainTokenizerOptions } from "./train.ts";
