/**
 * Sequences that an engine generates side by side: what each is told, and what comes of it.
 *
 * @module
 */
import type { SamplingOptions } from "./sampling.ts";
import type { ToolUseStep } from "./tool_use.ts";

/** How one sequence goes on. */
export interface SequenceOptions extends SamplingOptions {
  /** Most new tokens. Default: as many as the context has room for. */
  maxTokens?: number;
  /** What is added to the logits of tokens, by their ids. */
  logitBias?: ReadonlyMap<number, number>;
  /** What is taken from the logit of each token that was generated already; 0 by default. */
  presencePenalty?: number;
  /** The same, for each time it was generated; 0 by default. */
  frequencyPenalty?: number;
  /**
   * How many of the likeliest tokens are told with each new one; 0 tells only the new one's own
   * probability. Unless given, nothing is told.
   */
  topLogprobs?: number;
}

/** A token and the natural logarithm of its probability, as the model gave it before any option. */
export interface TokenLogprob {
  /** The token's id. */
  token: number;
  /** Its log-probability. */
  logprob: number;
}

/** Why a sequence ended: the model ended its turn, or the tokens asked for or the room are used up. */
export type SequenceEnd = "stop" | "length";

/** One that an engine has been given. */
export interface Sequence {
  /** Token ids it began with. */
  readonly prompt: readonly number[];
  /** How many tokens of its prompt need not be read, since another sequence had read them. */
  readonly sharedTokens: number;
  /** Whether it takes part: it was begun, and has neither ended nor been removed. */
  readonly isRunning: boolean;
}

/** A sequence's next token. */
export interface SequenceStep extends ToolUseStep {
  /** Whose it is. */
  sequence: Sequence;
  /** Log-probability of the token, where it was asked for. */
  logprob?: number;
  /** The likeliest tokens in its place, the likeliest first, where they were asked for. */
  topLogprobs?: readonly TokenLogprob[];
  /** Set with the last token. One that ends the turn is a special token, not part of the text. */
  end?: SequenceEnd;
}

/** How much of an engine is in use. */
export interface EngineUse {
  /** Sequences that are generated side by side. */
  rows: number;
  /** How many of them there may be. */
  maxRows: number;
  /** Sequences that wait for a row or for pages. */
  waiting: number;
  /** Pages of the cache of keys and values that sequences hold. */
  pages: number;
  /** All pages. */
  maxPages: number;
  /** Tokens of a page. */
  pageTokens: number;
}

/** Generates sequences that join and leave at any token. */
export interface SequenceEngine {
  /** Most tokens of a prompt and its continuation together. */
  readonly capacity: number;
  /** How much is in use. */
  readonly use: EngineUse;
  /**
   * Lets a sequence take part from the next {@link step} for which there is room.
   *
   * @param prompt Token ids, at least one and fewer than {@link capacity}.
   * @throws {RangeError} for a prompt that is empty, has no room for an answer, or holds what is no
   * token of the model.
   * @throws {UserError} for an option that makes no sense.
   */
  add(prompt: readonly number[], options?: SequenceOptions): Sequence;
  /** Takes a sequence out; its row and its pages are free for others from the next {@link step}. */
  remove(sequence: Sequence): void;
  /**
   * Goes on by at least one token in every sequence whose prompt is read, and reads on in prompts
   * that are not, a limited number of tokens so that nobody waits long.
   *
   * @returns The new tokens, in order; none when all prompts are still being read, or when there is
   * no sequence.
   * @throws {UserError} when the model's logits are not numbers, or the device is lost; tokens that
   * came with it are not told. Also while a step has not ended.
   */
  step(): Promise<readonly SequenceStep[]>;
}
