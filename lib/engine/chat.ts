/**
 * A conversation with a model that goes on for as long as one likes.
 *
 * @module
 */
import type { ContentPart } from "../conversation.ts";
import { UserError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { turnsToDrop } from "./context_room.ts";
import type { Engine } from "./engine.ts";
import { PartDecoder } from "./part_decoder.ts";
import type { SamplingOptions } from "./sampling.ts";

/** How a model answers in a {@link ChatSession}. */
export interface ChatOptions extends SamplingOptions {
  /** Most tokens of an answer; 256 by default. */
  maxNewTokens?: number;
}

/** What happens while a model answers. */
export type ChatEvent =
  /** The next piece of the answer, of the expression it sends to the calculator, or of the result. */
  | ContentPart
  /** Before the answer: so many of the oldest turns no longer fit into the context. */
  | { type: "dropped"; turns: number }
  /** After the answer: it was cut off, by the limit or the end of the context. */
  | { type: "cut" };

/**
 * A conversation: remembers its turns and renders them for the model. When they outgrow the
 * context, the oldest are dropped, each with its answer.
 *
 * @example
 * ```ts ignore
 * const chat = new ChatSession(new Engine(model, tokenizer), tokenizer, { temperature: 0.6 });
 * for await (const event of chat.ask("Why is the sky blue?")) {
 *   if (event.type === "text") console.log(event.text);
 * }
 * ```
 */
export class ChatSession {
  readonly #engine: Engine;
  readonly #tokenizer: Tokenizer;
  readonly #options: ChatOptions;
  /** Each turn's tokens: what was asked and what was answered. */
  #turns: number[][] = [];

  /** Starts without turns. */
  constructor(engine: Engine, tokenizer: Tokenizer, options: ChatOptions = {}) {
    this.#engine = engine;
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** How many turns are remembered. */
  get turns(): number {
    return this.#turns.length;
  }

  /** Forgets all turns. */
  clear(): void {
    this.#turns = [];
  }

  /**
   * Asks the next question. What was answered is remembered, also when the answer is broken off.
   *
   * @param message What the user says.
   * @param signal Breaks the answer off when aborted.
   * @throws {UserError} when the message alone is longer than the context, for a sampling option
   * that makes no sense, or while the engine generates something else; the conversation stays as
   * it was.
   */
  async *ask(message: string, signal?: AbortSignal): AsyncGenerator<ChatEvent> {
    const { maxNewTokens = 256, ...sampling } = this.#options;
    const special = this.#tokenizer.encodeSpecial.bind(this.#tokenizer);
    const end = special("<|assistant_end|>"), { bosId } = this.#tokenizer;
    const turn = [
      special("<|user_start|>"),
      ...this.#tokenizer.encode(message),
      special("<|user_end|>"),
      special("<|assistant_start|>"),
    ];
    const before = [...this.#turns];
    const dropped = this.#makeRoom(turn.length + 1, maxNewTokens);
    if (dropped > 0) yield { type: "dropped", turns: dropped };
    const prompt = [bosId, ...this.#turns.flat(), ...turn];
    const parts = new PartDecoder(this.#tokenizer);
    let begun = false, ended = false;
    this.#turns.push(turn);
    try {
      const options = { ...sampling, maxTokens: maxNewTokens };
      for await (const [step] of this.#engine.generate([prompt], options)) {
        begun = true;
        const { token } = step!;
        ended = token === end || token === bosId;
        if (!ended) turn.push(token);
        const part = ended ? parts.end() : parts.push(token);
        if (part) yield part;
        if (signal?.aborted) break;
      }
      if (!ended) {
        const part = parts.end();
        if (part) yield part;
        if (!signal?.aborted) yield { type: "cut" };
      }
    } catch (error) {
      if (!begun) this.#turns = before;
      throw error;
    } finally {
      turn.push(end);
    }
  }

  /** Drops the oldest turns until a new one and its answer fit. Returns how many. */
  #makeRoom(tokens: number, maxNewTokens: number): number {
    const { capacity } = this.#engine;
    if (tokens >= capacity) {
      throw new UserError(
        `the message is ${tokens} tokens long, but the model's context holds ${capacity}; ` +
          `shorten it`,
      );
    }
    const turns = this.#turns.map(({ length }) => length);
    const dropped = turnsToDrop({ turns, question: tokens, maxNewTokens, capacity });
    this.#turns.splice(0, dropped);
    return dropped;
  }
}
