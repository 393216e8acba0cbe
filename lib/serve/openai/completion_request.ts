/**
 * Requests for the continuation of a text.
 *
 * @module
 */
import { fieldError, Fields } from "../fields.ts";
import { checkCharacters, checkRoom } from "../render_prompt.ts";
import type { Service } from "../service.ts";
import {
  type AnswerRequest,
  checkModel,
  commonFields,
  MAX_TOP_LOGPROBS,
  refuseFields,
} from "./answer_request.ts";

/** Most prompts of a request. */
const MAX_PROMPTS = 16;

/**
 * Reads the body of `POST /v1/completions`. A prompt that is a text is put behind `<|bos|>`, as every
 * document is; one of token ids is read as it is.
 *
 * @throws {ApiError} for what is wrong, unsupported or too long.
 */
export function completionRequest(body: unknown, service: Service): AnswerRequest {
  const fields = new Fields(body);
  checkModel(fields.value("model"), service);
  refuseFields(fields, {
    echo: (value) => value === false,
    suffix: (value) => value === "",
    // Choosing the best of more answers than are wanted.
    best_of: (value) => value === (fields.value("n") ?? 1),
  });
  const prompts = readPrompts(fields.value("prompt"), service);
  for (const { length } of prompts) checkRoom(length, service.desk.capacity, "prompt");
  const maxTokens = fields.number("max_tokens", { min: 1, whole: true });
  const topLogprobs = fields.number("logprobs", { min: 0, max: MAX_TOP_LOGPROBS, whole: true });
  return { ...commonFields(fields, service, { maxTokens, topLogprobs }), prompts };
}

function readPrompts(
  prompt: unknown,
  { tokenizer, desk: { capacity } }: Service,
): number[][] {
  const isId = (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < tokenizer.vocabSize;
  const isIds = (value: unknown): value is number[] =>
    Array.isArray(value) && value.length > 0 && value.every(isId);
  const prompts = isIds(prompt) || !Array.isArray(prompt) ? [prompt] : prompt;
  if (prompts.length > 0 && prompts.length <= MAX_PROMPTS) {
    const tokens = prompts.map((prompt) => {
      if (typeof prompt !== "string") return isIds(prompt) ? prompt : undefined;
      checkCharacters(prompt.length, tokenizer, capacity, "prompt");
      return [tokenizer.bosId, ...tokenizer.encode(prompt)];
    });
    if (tokens.every((ids) => ids !== undefined)) return tokens;
  }
  const wanted =
    `a text, token ids below ${tokenizer.vocabSize}, or at most ${MAX_PROMPTS} of those`;
  throw fieldError("prompt", wanted, prompt);
}
