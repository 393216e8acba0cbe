/**
 * A sequence as an engine knows it.
 *
 * @module
 */
import type { Seat } from "../model/mod.ts";
import { PythonRandom } from "../random/mod.ts";
import type { Lease } from "./page_pool.ts";
import { type SamplingOptions, samplingOptions } from "./sampling.ts";
import type { Sequence, SequenceEnd, SequenceOptions } from "./sequence.ts";
import { ToolUse, type ToolUseStep, type ToolUseTokenizer } from "./tool_use.ts";

/** Steps of the float32 numbers in [0, 1) that are evenly spaced. */
const UNIFORM_STEPS = 2 ** 24;

/** A sequence, its pages, and how far it is. */
export class Row implements Sequence {
  /** The prompt and what came after. */
  readonly tokens: number[];
  /** How it is sampled. */
  readonly sampling: Required<SamplingOptions>;
  /** Most tokens that it may have. */
  readonly limit: number;
  /** How often each token was generated, where penalties ask for it. */
  readonly counts: Map<number, number> = new Map();
  /** Of how many tokens keys and values are there. */
  length = 0;
  /** See {@link Sequence.isRunning}. */
  isRunning = true;
  readonly #tool: ToolUse;
  readonly #generator: PythonRandom;
  readonly #numbers: number[] = [];
  #lease: Lease | undefined;
  #sharedTokens = 0;

  /**
   * A sequence in a context of `capacity` tokens.
   *
   * @throws {RangeError} for a prompt that is empty or has no room for an answer.
   * @throws {UserError} for an option that makes no sense.
   */
  constructor(
    readonly prompt: readonly number[],
    readonly options: SequenceOptions,
    tokenizer: ToolUseTokenizer,
    capacity: number,
  ) {
    if (prompt.length === 0 || prompt.length >= capacity) {
      throw new RangeError(`a prompt of ${prompt.length} tokens in a context of ${capacity}`);
    }
    this.sampling = samplingOptions(options);
    this.tokens = [...prompt];
    this.limit = Math.min(capacity, prompt.length + Math.max(0, options.maxTokens ?? Infinity));
    this.#tool = new ToolUse(tokenizer);
    this.#generator = new PythonRandom(this.sampling.seed);
  }

  /** See {@link Sequence.sharedTokens}. */
  get sharedTokens(): number {
    return this.#sharedTokens;
  }

  /** Its pages, once it has some. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  /** Takes its pages, and what they hold already. */
  begin(lease: Lease): void {
    this.#lease = lease;
    this.length = this.#sharedTokens = lease.shared;
  }

  /** Where it stands in a pass. */
  get seat(): Seat {
    const { length } = this;
    return { pages: this.#lease!.pages, length, last: this.tokens[length - 1] };
  }

  /** How many tokens it may still be given. */
  get room(): number {
    return this.limit - this.tokens.length;
  }

  /** The token that comes so many steps from now whatever is sampled, if a tool's answer is due. */
  due(step: number): number | undefined {
    return this.#tool.due[step];
  }

  /**
   * The random number that draws the token so many steps from now: the same however often that step
   * is taken.
   */
  uniform(step: number): number {
    const place = this.tokens.length - this.prompt.length + step;
    while (this.#numbers.length <= place) {
      this.#numbers.push(Math.floor(this.#generator.random() * UNIFORM_STEPS) / UNIFORM_STEPS);
    }
    return this.#numbers[place];
  }

  /** Takes the next token, and says whether it was the last. */
  take(sampled: number): ToolUseStep & { end?: SequenceEnd } {
    const step = this.#tool.next(sampled);
    this.tokens.push(step.token);
    this.length = this.tokens.length - 1;
    if (hasPenalties(this.options)) {
      this.counts.set(step.token, (this.counts.get(step.token) ?? 0) + 1);
    }
    const end = this.#tool.completed ? "stop" : this.room === 0 ? "length" : undefined;
    return { ...step, end };
  }
}

/** Whether what was said decides what comes next, beyond the model. */
export function hasPenalties(
  { presencePenalty = 0, frequencyPenalty = 0 }: SequenceOptions,
): boolean {
  return presencePenalty !== 0 || frequencyPenalty !== 0;
}
