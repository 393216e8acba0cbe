/** A service whose answers are known, and what responses hold. */
import type { SequenceStep } from "../../lib/engine/mod.ts";
import type { Desk, Service, WantedAnswer } from "../../lib/serve/service.ts";
import { tokenizer } from "../engine/scripted_model.ts";

export { tokenizer };

/** When everything happens, in milliseconds. */
export const NOW = 1_700_000_000_900;

const special = tokenizer.encodeSpecial.bind(tokenizer);
/** The token that ends an answer. */
export const END: number = special("<|assistant_end|>");

/** The tokens of the calculator's use. */
export function toolUse(expression: string, result: string): number[] {
  return [
    special("<|python_start|>"),
    ...tokenizer.encode(expression),
    special("<|python_end|>"),
    special("<|output_start|>"),
    ...tokenizer.encode(result),
    special("<|output_end|>"),
  ];
}

/** A desk that recites a script: for each answer its tokens, or an error in place of one. */
export class FakeDesk implements Desk {
  /** What was ordered. */
  readonly wanted: WantedAnswer[] = [];
  /** How many tokens of each answer were read. */
  readonly read: number[] = [];
  /** Places of answers that were left before their end. */
  readonly left: number[] = [];
  /** The signal of the last order. */
  signal: AbortSignal = AbortSignal.any([]);
  /** Thrown when something is ordered. */
  refusal: Error | undefined;

  constructor(
    readonly script: readonly (readonly (number | Error)[])[],
    readonly capacity = 200,
    readonly sharedTokens: readonly number[] = [],
  ) {}

  order(wanted: readonly WantedAnswer[], signal: AbortSignal): AsyncIterable<SequenceStep>[] {
    if (this.refusal) throw this.refusal;
    this.wanted.push(...wanted);
    this.signal = signal;
    return wanted.map((answer, i) => this.#recite(answer, i));
  }

  async *#recite({ prompt, options }: WantedAnswer, i: number): AsyncGenerator<SequenceStep> {
    const sequence = { prompt, sharedTokens: this.sharedTokens[i] ?? 0, isRunning: true };
    const script = this.script[i % this.script.length];
    const limit = options.maxTokens ?? Infinity;
    let isOver = false;
    this.read[i] = 0;
    try {
      for (const token of script) {
        await Promise.resolve();
        this.signal.throwIfAborted();
        if (token instanceof Error) throw token;
        const end = token === END ? "stop" : ++this.read[i] === limit ? "length" : undefined;
        isOver = end !== undefined;
        const others = Array.from({ length: options.topLogprobs ?? 0 }, (_, k) => ({
          token: token + k,
          logprob: -0.5 - k,
        }));
        const told = options.topLogprobs === undefined
          ? {}
          : { logprob: -0.5, topLogprobs: others };
        yield { sequence, token, forced: false, ...told, ...end && { end } };
        if (isOver) return;
      }
    } finally {
      if (!isOver) this.left.push(i);
    }
  }
}

/** A service over a desk. */
export function serviceOf(desk: Desk): Service {
  const defaults = { temperature: 0.6, topK: 50, topP: 1, minP: 0, maxNewTokens: 64 };
  return { id: "d4", created: 1_600_000_000, tokenizer, defaults, desk };
}

/** A service that gives the same answer again and again. */
export function saying(...answers: (readonly (number | Error)[])[]): {
  desk: FakeDesk;
  service: Service;
} {
  const desk = new FakeDesk(answers);
  return { desk, service: serviceOf(desk) };
}

/** The tokens of an answer that the model ends. */
export function say(text: string): number[] {
  return [...tokenizer.encode(text), END];
}

// deno-lint-ignore no-explicit-any -- what a response holds is what the tests look at
export type Json = any;

/** The data of each event of a stream, parsed but for the last, `[DONE]`. */
export async function eventsOf(response: Response): Promise<Json[]> {
  const events = (await response.text()).split("\n\n");
  if (events.pop() !== "") throw new Error("the last event does not end");
  return events.map((event) => {
    const data = event.replace(/^data: /, "");
    return data === "[DONE]" ? data : JSON.parse(data);
  });
}
