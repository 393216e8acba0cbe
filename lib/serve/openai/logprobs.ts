/**
 * Log-probabilities in OpenAI's two forms.
 *
 * @module
 */
import type { TokenLogprob } from "../../engine/mod.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import type { AnswerPiece } from "../answer_piece.ts";

/** What stands for a probability of zero, whose logarithm JSON does not have. */
const LEAST = -9999;

/** A token in the form of chats. */
export interface ChatLogprob {
  /** Its text, or `bytes:\x..` where its bytes are no whole characters. */
  token: string;
  /** Natural logarithm of its probability. */
  logprob: number;
  /** Its bytes. */
  bytes: number[];
}

/** Log-probabilities of a chat's answer or a piece of one. */
export interface ChatLogprobs {
  /** Each token, with the likeliest in its place. */
  content: (ChatLogprob & { top_logprobs: ChatLogprob[] })[];
  /** There are no refusals. */
  refusal: null;
}

/** Log-probabilities of a completion or a piece of one, a list for each thing told of its tokens. */
export interface CompletionLogprobs {
  /** Each token's text, or its bytes as in {@link ChatLogprob}. */
  tokens: string[];
  /** Its log-probability. */
  token_logprobs: number[];
  /** The likeliest tokens in its place and itself. */
  top_logprobs: Record<string, number>[];
  /** Where its piece begins in the text, in characters. */
  text_offset: number[];
}

/** What is told of the tokens of pieces in a chat. */
export function chatLogprobs(
  pieces: readonly AnswerPiece[],
  tokenizer: Tokenizer,
): ChatLogprobs {
  const told = (token: TokenLogprob): ChatLogprob => ({
    token: tokenText(token.token, tokenizer),
    logprob: finite(token.logprob),
    bytes: [...tokenizer.decodeBytes([token.token])],
  });
  const content = pieces.flatMap(({ tokens }) => tokens).map((step) => ({
    ...told({ token: step.token, logprob: step.logprob ?? 0 }),
    top_logprobs: (step.topLogprobs ?? []).map(told),
  }));
  return { content, refusal: null };
}

/**
 * What is told of the tokens of pieces in a completion.
 *
 * @param offset How many characters came before.
 */
export function completionLogprobs(
  pieces: readonly AnswerPiece[],
  tokenizer: Tokenizer,
  offset: number,
): CompletionLogprobs {
  const told: CompletionLogprobs = {
    tokens: [],
    token_logprobs: [],
    top_logprobs: [],
    text_offset: [],
  };
  for (const { text, tokens } of pieces) {
    for (const { token, logprob = 0, topLogprobs = [] } of tokens) {
      told.tokens.push(tokenText(token, tokenizer));
      told.token_logprobs.push(finite(logprob));
      const top = [...topLogprobs, { token, logprob }];
      told.top_logprobs.push(Object.fromEntries(
        top.map(({ token, logprob }) => [tokenText(token, tokenizer), finite(logprob)]),
      ));
      told.text_offset.push(offset);
    }
    offset += text.length;
  }
  return told;
}

function finite(logprob: number): number {
  return Math.max(logprob, LEAST);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function tokenText(token: number, tokenizer: Tokenizer): string {
  const bytes = tokenizer.decodeBytes([token]);
  try {
    return utf8.decode(bytes);
  } catch {
    const hex = Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`);
    return `bytes:${hex.join("")}`;
  }
}
