/**
 * What an answer has cost.
 *
 * @module
 */
import type { AnswerEnd } from "../answer_text.ts";
import type { AnswerRequest } from "./answer_request.ts";

/** Numbers of tokens. */
export interface Usage {
  /** Of the prompts, each counted once however many answers it has. */
  prompt_tokens: number;
  /** Of the answers, as `AnswerEnd` counts them. */
  completion_tokens: number;
  /** Of both. */
  total_tokens: number;
  /** Of the prompts' tokens, those that need not be read again. */
  prompt_tokens_details: { cached_tokens: number };
}

/** Sums up what the answers of a request have cost, by their ends in the order of its choices. */
export function usageOf({ prompts, n }: AnswerRequest, ends: readonly AnswerEnd[]): Usage {
  const sum = (numbers: readonly number[]) => numbers.reduce((sum, value) => sum + value, 0);
  const promptTokens = sum(prompts.map(({ length }) => length));
  const completionTokens = sum(ends.map(({ tokens }) => tokens));
  // The answers of one prompt share it; what the first of them had to read was not shared.
  const shared = prompts.map((_, i) => {
    return Math.min(...ends.slice(i * n, (i + 1) * n).map(({ sharedTokens }) => sharedTokens));
  });
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: sum(shared) },
  };
}
