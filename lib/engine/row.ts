/**
 * A sequence as an engine knows it.
 *
 * @module
 */
import type { Seat } from "../model/mod.ts";
import { PythonRandom } from "../random/mod.ts";
import type { Lease } from "./page_pool.ts";
import { checkOptions, type SamplingOptions, samplingOptions } from "./sampling.ts";
import type { Sequence, SequenceEnd, SequenceOptions } from "./sequence.ts";
import { ToolUse, type ToolUseStep, type ToolUseTokenizer } from "./tool_use.ts";

/** Most that an option may change a logit by: beyond any logit, and its multiples are float32 numbers. */
const MOST_CHANGE = 1e9;
const CHANGE = `from ${-MOST_CHANGE} to ${MOST_CHANGE}`;
const isChange = (value: number) => Math.abs(value) <= MOST_CHANGE;

/** Steps of the float32 numbers in [0, 1) that are evenly spaced. */
const UNIFORM_STEPS = 2 ** 24;

/** What a row must know of its engine. */
export interface RowContext {
  /** Most tokens of a prompt and its continuation together. */
  capacity: number;
  /** For tool use. */
  tokenizer: ToolUseTokenizer;
  /** Number of the model's tokens. */
  vocabSize: number;
}

/** A sequence, its pages, and how far it is. */
export class Row implements Sequence {
  /** See {@link Sequence.prompt}. */
  readonly prompt: readonly number[];
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
   * A sequence that waits.
   *
   * @throws {RangeError} for a prompt that is empty, has no room for an answer, or holds what is no
   * token of the model.
   * @throws {UserError} for an option that makes no sense.
   */
  constructor(
    prompt: readonly number[],
    readonly options: SequenceOptions,
    { capacity, tokenizer, vocabSize }: RowContext,
  ) {
    if (prompt.length === 0 || prompt.length >= capacity) {
      throw new RangeError(`a prompt of ${prompt.length} tokens in a context of ${capacity}`);
    }
    const isToken = (id: number) => Number.isInteger(id) && id >= 0 && id < vocabSize;
    if (!prompt.every(isToken)) {
      throw new RangeError(
        `a prompt with token ${prompt.find((id) => !isToken(id))} of ${vocabSize}`,
      );
    }
    this.sampling = samplingOptions(options);
    checkSequenceOptions(options, vocabSize);
    this.prompt = [...prompt];
    this.tokens = [...prompt];
    this.limit = Math.min(capacity, prompt.length + (options.maxTokens ?? Infinity));
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

/** Refuses what would stop a sequence from ending, or reach into the logits of others. */
function checkSequenceOptions(
  {
    maxTokens = 0,
    topLogprobs = 0,
    presencePenalty = 0,
    frequencyPenalty = 0,
    logitBias = new Map(),
  }: SequenceOptions,
  vocabSize: number,
): void {
  const isCount = (value: number) => Number.isInteger(value) && value >= 0;
  checkOptions([
    [isCount(maxTokens), "max tokens", "a whole number from 0", maxTokens],
    [isCount(topLogprobs), "top logprobs", "a whole number from 0", topLogprobs],
    [isChange(presencePenalty), "presence penalty", CHANGE, presencePenalty],
    [isChange(frequencyPenalty), "frequency penalty", CHANGE, frequencyPenalty],
  ]);
  for (const [token, bias] of logitBias) {
    checkOptions([
      [isCount(token) && token < vocabSize, "a token of logit bias", `below ${vocabSize}`, token],
      [isChange(bias), `logit bias of token ${token}`, CHANGE, bias],
    ]);
  }
}

/** Whether what was said decides what comes next, beyond the model. */
export function hasPenalties(
  { presencePenalty = 0, frequencyPenalty = 0 }: SequenceOptions,
): boolean {
  return presencePenalty !== 0 || frequencyPenalty !== 0;
}
