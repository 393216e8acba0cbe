/**
 * `POST /chat/completions`, as nanochat's own web server had it.
 *
 * @module
 */
import { isRecord } from "../../json.ts";
import { readAnswer } from "../answer_text.ts";
import { ApiError } from "../api_error.ts";
import { errorFor } from "../error_for.ts";
import { eventStream } from "../event_stream.ts";
import { fieldError, Fields } from "../fields.ts";
import { renderPrompt } from "../render_prompt.ts";
import { samplingFields } from "../sampling_fields.ts";
import type { Service, WantedAnswer } from "../service.ts";
import { type GivenMessage, turnsOf } from "../turns.ts";

/** nanochat's limits: messages of a request, characters of one and of all, tokens of an answer. */
const MAX_MESSAGES = 500, MAX_CHARACTERS = 8000, MAX_ALL_CHARACTERS = 32_000, MAX_TOKENS = 4096;

/**
 * Answers a conversation as a stream of `{ token, gpu }`, where a token is a piece of text, and
 * `{ done: true }`. Roles are user and assistant.
 *
 * @param body The parsed JSON of the request.
 * @param signal Aborted when the client goes away.
 * @throws {ApiError} for what is wrong with the request; `detailResponse` has it in nanochat's form.
 * @throws {BusyError} when too many answers wait already.
 */
export function nanochatCompletion(
  body: unknown,
  service: Service,
  signal: AbortSignal,
): Response {
  const wanted = readRequest(body, service);
  const gone = new AbortController();
  const [steps] = service.desk.order([wanted], AbortSignal.any([signal, gone.signal]));
  async function* events(): AsyncGenerator<string, void> {
    try {
      for await (const piece of readAnswer(steps, service.tokenizer, [])) {
        if ("text" in piece && piece.text !== "") {
          yield JSON.stringify({ token: piece.text, gpu: 0 });
        }
      }
      yield JSON.stringify({ done: true });
    } catch (error) {
      yield JSON.stringify({ detail: errorFor(error).message });
    } finally {
      gone.abort();
    }
  }
  return eventStream(events(), () => gone.abort());
}

/** The response to a request that is not answered because of an error, whatever was thrown. */
export function detailResponse(error: unknown): Response {
  const { message, status, headers } = errorFor(error);
  return Response.json({ detail: message }, { status, headers });
}

function readRequest(body: unknown, service: Service): WantedAnswer {
  const fields = new Fields(body);
  const messages = turnsOf(readMessages(fields.value("messages")));
  fields.number("top_k", { min: 0, max: 200, whole: true });
  const maxTokens = fields.number("max_tokens", { min: 1, max: MAX_TOKENS, whole: true }) ??
    service.defaults.maxNewTokens;
  const room = { maxNewTokens: maxTokens, dropOldest: false };
  const { prompt } = renderPrompt(messages, service, room);
  const sampling = samplingFields(fields, service.defaults, service.tokenizer.vocabSize);
  return { prompt, options: { ...sampling, maxTokens } };
}

function readMessages(value: unknown): GivenMessage[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_MESSAGES) {
    throw fieldError("messages", `a list of 1 to ${MAX_MESSAGES} messages`, value);
  }
  const messages = value.map((message, i): GivenMessage => {
    const { role, content } = isRecord(message) ? message : {};
    if (role !== "user" && role !== "assistant") {
      throw fieldError(`messages[${i}].role`, "user or assistant", role);
    }
    if (typeof content !== "string" || content === "" || content.length > MAX_CHARACTERS) {
      throw fieldError(
        `messages[${i}].content`,
        `text of 1 to ${MAX_CHARACTERS} characters`,
        content,
      );
    }
    return { role, content };
  });
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
  if (characters > MAX_ALL_CHARACTERS) {
    throw new ApiError(
      `the messages have ${characters} characters; at most ${MAX_ALL_CHARACTERS} are allowed`,
    );
  }
  return messages;
}
