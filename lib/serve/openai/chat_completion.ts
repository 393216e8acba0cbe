/**
 * `POST /v1/chat/completions`.
 *
 * @module
 */
import type { ContentPart } from "../../conversation.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import type { AnswerPiece } from "../answer_piece.ts";
import type { Service } from "../service.ts";
import { chatRequest } from "./chat_request.ts";
import { chatLogprobs } from "./logprobs.ts";
import { type AnswerForm, respond } from "./respond.ts";

/**
 * Answers a conversation. Beyond OpenAI's fields, a message has `parts`, where text, expressions and
 * the calculator's results are apart; in a stream the deltas that are such a part, and no mark of
 * tool use, say of which type in `part`.
 *
 * @param body The parsed JSON of the request.
 * @param signal Aborted when the client goes away.
 * @param now The time, in milliseconds since 1970.
 * @throws {ApiError} for what is wrong with the request.
 * @throws {BusyError} when too many answers wait already.
 */
export async function chatCompletion(
  body: unknown,
  service: Service,
  signal: AbortSignal,
  now: () => number,
): Promise<Response> {
  const request = chatRequest(body, service);
  const form = chatForm(service.tokenizer, request.options.topLogprobs !== undefined);
  return await respond(request, form, service, signal, now);
}

function chatForm(tokenizer: Tokenizer, tellsTokens: boolean): AnswerForm {
  const logprobs = (pieces: readonly AnswerPiece[]) =>
    tellsTokens ? chatLogprobs(pieces, tokenizer) : null;
  return {
    idPrefix: "chatcmpl-",
    object: "chat.completion",
    chunkObject: "chat.completion.chunk",
    whole: (pieces) => {
      const content = pieces.map(({ text }) => text).join("");
      const message = { role: "assistant", content, refusal: null, parts: partsOf(pieces) };
      return { message, logprobs: logprobs(pieces) };
    },
    begin: () => ({ delta: { role: "assistant", content: "", refusal: null }, logprobs: null }),
    piece: (piece) => ({
      delta: { content: piece.text, ...piece.part && { part: piece.part } },
      logprobs: logprobs([piece]),
    }),
    end: () => ({ delta: {}, logprobs: null }),
  };
}

/** An answer's parts, without the marks between them, each as one. */
function partsOf(pieces: readonly AnswerPiece[]): ContentPart[] {
  const parts: ContentPart[] = [];
  let isNext = true;
  for (const { text, part: type } of pieces) {
    const last = parts.at(-1);
    if (type === undefined) isNext = true;
    else if (isNext || last === undefined) parts.push({ type, text });
    else last.text += text;
    if (type !== undefined) isNext = false;
  }
  return parts;
}
