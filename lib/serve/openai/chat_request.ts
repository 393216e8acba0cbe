/**
 * Requests for the answer to a conversation.
 *
 * @module
 */
import { isRecord } from "../../json.ts";
import { fieldError, Fields } from "../fields.ts";
import { renderPrompt } from "../render_prompt.ts";
import type { Service } from "../service.ts";
import {
  type AnswerRequest,
  checkModel,
  commonFields,
  MAX_TOP_LOGPROBS,
  refuseFields,
} from "./answer_request.ts";
import { readMessages } from "./messages.ts";

const never = (): boolean => false;
const isNoneOrAuto = (value: unknown): boolean => value === "none" || value === "auto";

/** What is refused, for an answer without it would not be what was asked for. */
const REFUSED: Readonly<Record<string, (value: unknown) => boolean>> = {
  tools: never,
  functions: never,
  tool_choice: isNoneOrAuto,
  function_call: isNoneOrAuto,
  response_format: (value) => isRecord(value) && value.type === "text",
  modalities: (value) => Array.isArray(value) && value.every((kind) => kind === "text"),
  audio: never,
  prediction: never,
  web_search_options: never,
};

/**
 * Reads the body of `POST /v1/chat/completions`. Beyond OpenAI's fields there are `top_k`, `min_p` and
 * `drop_oldest`: whether turns that no longer fit into the context are dropped, the oldest first.
 *
 * @throws {ApiError} for what is wrong, unsupported or too long.
 */
export function chatRequest(body: unknown, service: Service): AnswerRequest {
  const fields = new Fields(body);
  checkModel(fields.value("model"), service);
  refuseFields(fields, REFUSED);
  const messages = readMessages(fields.value("messages"));
  const atLeastOne = { min: 1, whole: true };
  const maxTokens = fields.number("max_completion_tokens", atLeastOne) ??
    fields.number("max_tokens", atLeastOne);
  const common = commonFields(fields, service, { maxTokens, topLogprobs: topLogprobs(fields) });
  const dropOldest = fields.flag("drop_oldest");
  const maxNewTokens = maxTokens ?? service.defaults.maxNewTokens;
  const { prompt, droppedTurns } = renderPrompt(messages, service, { maxNewTokens, dropOldest });
  return { ...common, prompts: [prompt], ...dropOldest && { droppedTurns } };
}

function topLogprobs(fields: Fields): number | undefined {
  const top = fields.number("top_logprobs", { min: 0, max: MAX_TOP_LOGPROBS, whole: true });
  if (fields.flag("logprobs")) return top ?? 0;
  if (top !== undefined) throw fieldError("logprobs", "true where top_logprobs is given", false);
  return undefined;
}
