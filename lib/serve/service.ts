/**
 * What answers requests: a model that is open, and a desk at which answers are ordered.
 *
 * @module
 */
import type { SamplingOptions, SequenceOptions, SequenceStep } from "../engine/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";

/** How requests are answered that do not say it themselves. */
export interface AnswerDefaults extends Required<Omit<SamplingOptions, "seed">> {
  /** Most tokens of an answer. */
  maxNewTokens: number;
}

/** An answer that is ordered: what the model reads, and how it goes on. */
export interface WantedAnswer {
  /** Token ids. */
  prompt: readonly number[];
  /** How it is sampled and how long it may be. */
  options: SequenceOptions;
}

/** Where answers are ordered. */
export interface Desk {
  /** Most tokens of a prompt and its answer together. */
  readonly capacity: number;
  /**
   * Orders answers, all or none of them. They are begun whether or not anybody reads them; what is
   * not read yet waits, and is never more than an answer's own length.
   *
   * @param signal Takes out those that have not ended, when it is aborted.
   * @returns For each answer its tokens. Leaving one early, with `break` or `return()`, takes that
   * answer out. It throws what ended it early: the engine's error, or the
   * signal's reason.
   * @throws {BusyError} when too many answers wait already.
   */
  order(wanted: readonly WantedAnswer[], signal: AbortSignal): AsyncIterable<SequenceStep>[];
}

/** Too many answers wait already. */
export class BusyError extends Error {
  /**
   * @param retryAfter Seconds after which there may be room, a whole number of at least 1.
   */
  constructor(readonly retryAfter: number) {
    super(`too many answers wait already; try again in ${retryAfter} s`);
    this.name = "BusyError";
  }
}

/** What requests are answered with. */
export interface Service {
  /** The model's name, as clients give it. */
  readonly id: string;
  /** When its file was written, in seconds since 1970. */
  readonly created: number;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /** How requests are answered that do not say it themselves. */
  readonly defaults: AnswerDefaults;
  /** Where answers are ordered. */
  readonly desk: Desk;
}
