/** An answer from its question to its end, whatever comes between. */
import { addPart, type AssistantMessage } from "./conversation.ts";
import {
  AnswerError,
  type AnswerNews,
  type AnswerRequest,
  askAnswer,
  askModel,
  NotNowError,
} from "./server.ts";

/** What an answer is asked with. */
export interface Question {
  request: AnswerRequest;
  /** The server's key; empty where it wants none. */
  key: string;
  /** Stops the answer. */
  signal: AbortSignal;
  /** Waits until the server may have time, or the signal comes. */
  wait(reason: NotNowError): Promise<void>;
}

/**
 * The answer as it grows, each time as a whole. It never throws: the last message says how it ended,
 * or what went wrong.
 */
export async function* answerTo(question: Question): AsyncGenerator<AssistantMessage> {
  let message: AssistantMessage = { role: "assistant", parts: [] };
  let began: number | undefined;
  try {
    for await (const { part, ...news } of patiently(question)) {
      message = { ...message, ...news };
      if (part) {
        began ??= performance.now();
        const seconds = (performance.now() - began) / 1000;
        message = { ...message, parts: addPart(message.parts, part), seconds };
      }
      yield message;
    }
  } catch (error) {
    yield question.signal.aborted
      ? { ...message, end: "stopped" }
      : { ...message, problem: problemOf(error) };
  }
}

/** Asks until the server has time. */
async function* patiently(question: Question): AsyncGenerator<AnswerNews> {
  const { request, key, signal } = question;
  while (true) {
    try {
      const model = request.model ?? (await askModel(key)).id;
      yield* askAnswer({ ...request, model }, key, signal);
      return;
    } catch (error) {
      if (!(error instanceof NotNowError)) throw error;
      await question.wait(error);
      signal.throwIfAborted();
    }
  }
}

function problemOf(error: unknown): AssistantMessage["problem"] {
  if (error instanceof AnswerError) return { kind: error.kind, text: error.message };
  return { kind: "refused", text: `The answer could not be read: ${error}` };
}
