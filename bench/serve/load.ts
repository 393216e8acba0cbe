/** Clients that ask a server, one question after the other. */
import OpenAI from "openai";
import type { Stream } from "openai/streaming";

/** One answer, or why there was none. */
export interface Outcome {
  /** Milliseconds from the request to the answer's first text. */
  firstTokenMs?: number;
  /** How many tokens the server says it generated. */
  tokens: number;
  /** What was wrong, in the few words that its kind is counted under. */
  error?: string;
}

/** What all clients of a phase met. */
export interface Phase {
  /** How many asked at once. */
  clients: number;
  /** How long it took, until the last answer's end. */
  seconds: number;
  /** One for each request. */
  outcomes: Outcome[];
}

/** The kind of the error that says that the server has too much to do; it is no fault. */
export const BUSY = "429";

/** Asks a server's model. */
export class Load {
  readonly #openai: OpenAI;
  readonly #questions: readonly string[];
  readonly #maxTokens: number;
  #model = "";
  #asked = 0;

  /**
   * @param url The server's address.
   * @param questions What is asked, in turn.
   * @param maxTokens Most tokens of an answer.
   */
  constructor(url: string, questions: readonly string[], maxTokens: number) {
    this.#openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
    this.#questions = questions;
    this.#maxTokens = maxTokens;
  }

  /**
   * Lets clients ask, each as soon as it has its last answer.
   *
   * @param clients How many at once.
   * @param seconds After how many none asks anew.
   */
  async run(clients: number, seconds: number): Promise<Phase> {
    this.#model ||= (await this.#openai.models.list()).data[0].id;
    const begun = performance.now(), until = begun + seconds * 1000;
    const outcomes: Outcome[] = [];
    const client = async () => {
      while (performance.now() < until) outcomes.push(await this.#ask(until));
    };
    await Promise.all(Array.from({ length: clients }, client));
    return { clients, seconds: (performance.now() - begun) / 1000, outcomes };
  }

  /** Asks the next question; a client that is told to come back later does, if it is not too late. */
  async #ask(until: number): Promise<Outcome> {
    const outcome: Outcome = { tokens: 0 };
    const content = this.#questions[this.#asked++ % this.#questions.length];
    const asked = performance.now();
    try {
      const answer = await this.#openai.chat.completions.create({
        model: this.#model,
        messages: [{ role: "user", content }],
        max_tokens: this.#maxTokens,
        stream: true,
        stream_options: { include_usage: true },
      });
      await readAnswer(answer, outcome, asked);
    } catch (error) {
      outcome.error = kindOf(error);
      const left = until - performance.now();
      const seconds = error instanceof OpenAI.APIError ? error.headers?.get("retry-after") : null;
      // Whoever met another error waits too, or a server that is gone would be asked without end.
      const delay = Math.min(Number(seconds ?? 1) * 1000, left);
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    }
    return outcome;
  }
}

/** Reads an answer to its end. */
async function readAnswer(
  answer: Stream<OpenAI.ChatCompletionChunk>,
  outcome: Outcome,
  asked: number,
): Promise<void> {
  let isFinished = false;
  for await (const { choices: [choice], usage } of answer) {
    if (choice?.delta.content) outcome.firstTokenMs ??= performance.now() - asked;
    if (choice?.finish_reason) isFinished = true;
    if (usage) outcome.tokens = usage.completion_tokens;
  }
  if (!isFinished) outcome.error = "an answer without an end";
  else if (outcome.tokens === 0) outcome.error = "an answer without usage";
}

/** What an error is counted under: its status, or what it says and what caused it. */
function kindOf(error: unknown): string {
  if (error instanceof OpenAI.APIError && error.status !== undefined) return `${error.status}`;
  const messages: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) messages.push(cause.message);
  return messages.join(": ");
}
