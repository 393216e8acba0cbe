/**
 * `POST /v1/completions`.
 *
 * @module
 */
import type { Tokenizer } from "../../tokenizer/mod.ts";
import type { AnswerPiece } from "../answer_piece.ts";
import type { Service } from "../service.ts";
import { completionRequest } from "./completion_request.ts";
import { completionLogprobs } from "./logprobs.ts";
import { type AnswerForm, respond } from "./respond.ts";

/**
 * Continues texts. The model ends them as it does its answers, and may use its calculator in them.
 *
 * @param body The parsed JSON of the request.
 * @param signal Aborted when the client goes away.
 * @param now The time, in milliseconds since 1970.
 * @throws {ApiError} for what is wrong with the request.
 * @throws {BusyError} when too many answers wait already.
 */
export async function textCompletion(
  body: unknown,
  service: Service,
  signal: AbortSignal,
  now: () => number,
): Promise<Response> {
  const request = completionRequest(body, service);
  const form = completionForm(service.tokenizer, request.options.topLogprobs !== undefined);
  return await respond(request, form, service, signal, now);
}

function completionForm(tokenizer: Tokenizer, tellsTokens: boolean): AnswerForm {
  const choice = (pieces: readonly AnswerPiece[], offset: number) => ({
    text: pieces.map(({ text }) => text).join(""),
    logprobs: tellsTokens ? completionLogprobs(pieces, tokenizer, offset) : null,
  });
  return {
    idPrefix: "cmpl-",
    object: "text_completion",
    chunkObject: "text_completion",
    whole: (pieces) => choice(pieces, 0),
    begin: () => undefined,
    piece: (piece, offset) => choice([piece], offset),
    end: () => ({ text: "", logprobs: null }),
  };
}
