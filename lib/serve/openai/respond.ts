/**
 * Answers in the forms that OpenAI's two kinds of responses share.
 *
 * @module
 */
import type { AnswerPiece } from "../answer_piece.ts";
import { type AnswerEnd, readAnswer } from "../answer_text.ts";
import { asTheyCome } from "../as_they_come.ts";
import { eventStream } from "../event_stream.ts";
import type { Service } from "../service.ts";
import type { AnswerRequest } from "./answer_request.ts";
import { errorBody } from "./error_response.ts";
import { type Usage, usageOf } from "./usage.ts";

/** What a kind of response is made of. */
export interface AnswerForm {
  /** How its ids begin. */
  readonly idPrefix: string;
  /** What it calls itself as a whole. */
  readonly object: string;
  /** What a chunk of it calls itself in a stream. */
  readonly chunkObject: string;
  /** A whole answer, but for its `index` and `finish_reason`. */
  whole(pieces: readonly AnswerPiece[]): object;
  /** What begins an answer in a stream, if anything does. */
  begin(): object | undefined;
  /**
   * The next piece of an answer in a stream.
   *
   * @param offset How many characters came before.
   */
  piece(piece: AnswerPiece, offset: number): object;
  /** What stands with the end of an answer in a stream. */
  end(): object;
}

/** A response's fields beside its choices. */
type Head = Record<string, unknown>;

/**
 * Orders what a request asks for and responds with it.
 *
 * @param signal Aborted when the client goes away.
 * @param now The time, in milliseconds since 1970.
 * @throws {BusyError} when too many answers wait already.
 */
export async function respond(
  request: AnswerRequest,
  form: AnswerForm,
  service: Service,
  signal: AbortSignal,
  now: () => number,
): Promise<Response> {
  const { n, options, stop, stream } = request;
  const wanted = request.prompts.flatMap((prompt) =>
    Array.from({ length: n }, (_, i) => ({
      prompt,
      options: { ...options, seed: options.seed + i },
    }))
  );
  const gone = new AbortController();
  const answers = service.desk.order(wanted, AbortSignal.any([signal, gone.signal]))
    .map((steps) => readAnswer(steps, service.tokenizer, stop));
  const head: Head = {
    id: form.idPrefix + crypto.randomUUID().replaceAll("-", ""),
    object: stream ? form.chunkObject : form.object,
    created: Math.floor(now() / 1000),
    model: service.id,
    // The same settings and seed give the same answer for as long as the model's file is the same.
    system_fingerprint: `fp_${service.created.toString(16)}`,
    ...request.droppedTurns !== undefined && { dropped_turns: request.droppedTurns },
  };
  if (stream) {
    const chunks = chunksOf(answers, request, form, head);
    return eventStream(eventsOf(chunks, gone), () => gone.abort());
  }
  try {
    const ends: AnswerEnd[] = [];
    const choices = await Promise.all(answers.map(async (answer, index) => {
      const pieces: AnswerPiece[] = [];
      for await (const part of answer) {
        if ("text" in part) pieces.push(part);
        else ends[index] = part;
      }
      return { index, ...form.whole(pieces), finish_reason: ends[index].reason };
    }));
    return Response.json({ ...head, choices, usage: usageOf(request, ends) });
  } finally {
    // Where one answer failed, nobody waits for the others.
    gone.abort();
  }
}

/** The chunks of a stream, a choice in each, and one for usage if it is asked for. */
async function* chunksOf(
  answers: readonly AsyncIterable<AnswerPiece | AnswerEnd>[],
  request: AnswerRequest,
  form: AnswerForm,
  head: Head,
): AsyncGenerator<object, void> {
  const chunk = (choices: object[], usage: Usage | null) =>
    request.includeUsage ? { ...head, choices, usage } : { ...head, choices };
  const choice = (index: number, fields: object, reason: AnswerEnd["reason"] | null) =>
    chunk([{ index, ...fields, finish_reason: reason }], null);
  const offsets = answers.map(() => 0), ends: AnswerEnd[] = [];
  const tellsTokens = request.options.topLogprobs !== undefined;
  const first = form.begin();
  if (first) { for (const index of answers.keys()) yield choice(index, first, null); }
  for await (const [index, part] of asTheyCome(answers)) {
    if (!("text" in part)) {
      ends[index] = part;
      yield choice(index, form.end(), part.reason);
    } else if (part.text !== "" || tellsTokens && part.tokens.length > 0) {
      yield choice(index, form.piece(part, offsets[index]), null);
      offsets[index] += part.text.length;
    }
  }
  if (request.includeUsage) yield chunk([], usageOf(request, ends));
}

/** The events of a stream. An error in it is an event too, for the status was sent long ago. */
async function* eventsOf(
  chunks: AsyncIterable<object>,
  gone: AbortController,
): AsyncGenerator<string, void> {
  try {
    for await (const chunk of chunks) yield JSON.stringify(chunk);
    yield "[DONE]";
  } catch (error) {
    yield JSON.stringify(errorBody(error));
  } finally {
    gone.abort();
  }
}
