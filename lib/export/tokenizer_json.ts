/**
 * nanochat's tokenizer as the files of Hugging Face's `tokenizers`: `tokenizer.json`, and
 * `tokenizer_config.json` with the chat format.
 */
import type { Tokenizer } from "../tokenizer/mod.ts";
import { toLetters } from "./byte_letters.ts";
import { latin1, mergesOf } from "./merges.ts";
import chatTemplate from "./chat_template.jinja" with { type: "text" };

/** What a special token is among the added ones. */
function addedToken(content: string) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { content, ...flags, special: true };
}

/** The content of `tokenizer.json`: byte-level BPE that gives the ids that tiktoken gives. */
export function tokenizerJson(tokenizer: Tokenizer): Record<string, unknown> {
  const { vocabSize, specialTokens, pattern } = tokenizer;
  const ids = Array.from({ length: vocabSize - specialTokens.size }, (_, id) => id);
  const tokens = ids.map((id) => latin1(tokenizer.decodeBytes([id])));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: Array.from(specialTokens, ([name, id]) => ({ id, ...addedToken(name) })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
        { ...byteLevel, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { ...byteLevel, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      // As tiktoken: a piece that is a token is that token, however merges would make it.
      ignore_merges: true,
      vocab: Object.fromEntries(tokens.map((token, id) => [toLetters(token), id])),
      // With a space between, as every version of `tokenizers` reads them; no letter is a space.
      merges: mergesOf(tokens).map(({ left, right }) => `${toLetters(left)} ${toLetters(right)}`),
    },
  };
}

/** The content of `tokenizer_config.json`. Padding is `<|bos|>`, as in nanochat's rows. */
export function tokenizerConfig(
  tokenizer: Tokenizer,
  maxLength: number,
): Record<string, unknown> {
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: "<|bos|>",
    eos_token: "<|assistant_end|>",
    pad_token: "<|bos|>",
    model_max_length: maxLength,
    clean_up_tokenization_spaces: false,
    added_tokens_decoder: Object.fromEntries(
      Array.from(tokenizer.specialTokens, ([name, id]) => [id, addedToken(name)]),
    ),
    chat_template: chatTemplate,
  };
}
