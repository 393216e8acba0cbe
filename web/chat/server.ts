/** What the page asks of its server, and what comes back. */
import type { Part, Problem, RequestMessage } from "./conversation.ts";
import { eventData } from "./event_stream.ts";
import { readSampling, type Sampling } from "./sampling.ts";

/** A model that answers. */
export interface Model {
  id: string;
  /** What it does where a setting is left out. */
  defaults: Sampling;
}

/** An answer to be given. */
export interface AnswerRequest extends Sampling {
  /** Unless given, the server's only model. */
  model?: string;
  messages: readonly RequestMessage[];
}

/** What is new of an answer. */
export interface AnswerNews {
  part?: Part;
  end?: "stop" | "length";
  tokens?: number;
  droppedTurns?: number;
}

/** The server cannot answer now, and may soon: it is busy, or it is loading its model. */
export class NotNowError extends Error {
  /** @param seconds After which it should be asked again. */
  constructor(message: string, readonly seconds: number) {
    super(message);
  }
}

/** The server does not answer, or refuses. */
export class AnswerError extends Error {
  constructor(readonly kind: Problem["kind"], message: string) {
    super(message);
  }
}

const GONE = "The server cannot be reached. Is it still running?";
const WANTS_KEY = "The server wants a key.", WRONG_KEY = "The server does not take this key.";
const TOO_LONG = "This is more text than the server takes.";
const BROKEN = "The connection broke before the answer was complete.";

/** Asks the server, with the key if there is one, and makes what it refuses an error. */
async function ask(path: string, key: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key !== "") headers.set("authorization", `Bearer ${key}`);
  const response = await fetch(path, { ...init, headers }).catch((error) => {
    throw init.signal?.aborted ? error : new AnswerError("gone", GONE);
  });
  if (response.ok) return response;
  const text = await errorText(response);
  // The server's own words for these are for programs.
  if (response.status === 401) throw new AnswerError("key", key === "" ? WANTS_KEY : WRONG_KEY);
  if (response.status === 413) throw new AnswerError("refused", TOO_LONG);
  if (response.status !== 429 && response.status !== 503) throw new AnswerError("refused", text);
  const seconds = Number(response.headers.get("retry-after"));
  const isBusy = response.status === 429;
  throw new NotNowError(isBusy ? "The server is busy." : "The model is loading.", seconds || 2);
}

/** What a refusal says, in OpenAI's form or none. */
async function errorText(response: Response): Promise<string> {
  const body = await response.json().catch(() => undefined);
  const message = body?.error?.message;
  return typeof message === "string" ? message : `The server answered with ${response.status}.`;
}

/** The server's model. */
export async function askModel(key: string): Promise<Model> {
  const response = await ask("v1/models", key, {});
  const [model] = (await response.json()).data;
  return { id: model.id, defaults: readSampling(model.defaults) };
}

/**
 * Asks for an answer, and gives it as it comes.
 *
 * @param signal Ends it early: the server's work too.
 * @throws {NotNowError | AnswerError}
 */
export async function* askAnswer(
  request: AnswerRequest,
  key: string,
  signal: AbortSignal,
): AsyncGenerator<AnswerNews> {
  const response = await ask("v1/chat/completions", key, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
      drop_oldest: true,
    }),
    signal,
  });
  let isComplete = false;
  try {
    for await (const data of eventData(response.body!)) {
      if (data === "[DONE]") {
        isComplete = true;
        break;
      }
      const chunk = JSON.parse(data);
      if (chunk.error) throw new AnswerError("refused", String(chunk.error.message));
      yield newsOf(chunk);
    }
  } catch (error) {
    throw signal.aborted || error instanceof AnswerError ? error : new AnswerError("gone", BROKEN);
  }
  if (!isComplete) throw new AnswerError("gone", BROKEN);
}

/** The parts of a chunk that the page shows. */
interface Chunk {
  choices: {
    delta?: { content?: string | null; part?: Part["type"] };
    finish_reason?: "stop" | "length" | null;
  }[];
  usage?: { completion_tokens: number } | null;
  dropped_turns?: number;
}

function newsOf({ choices: [choice], usage, dropped_turns }: Chunk): AnswerNews {
  const { content, part } = choice?.delta ?? {};
  return {
    // Text that is no part marks where tool use begins and ends: `[6*7 = 42]`.
    ...content && part && { part: { type: part, text: content } },
    ...choice?.finish_reason && { end: choice.finish_reason },
    ...usage && { tokens: usage.completion_tokens },
    ...dropped_turns && { droppedTurns: dropped_turns },
  };
}
