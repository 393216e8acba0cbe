/**
 * The desk of a server: answers are ordered there, and one loop drives the engine for all of them.
 *
 * @module
 */
import type { EngineUse, Sequence, SequenceEngine, SequenceStep } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import { pause } from "../pause.ts";
import { Answer } from "./answer.ts";
import { ApiError } from "./api_error.ts";
import { DeskCounts } from "./desk_counts.ts";
import { BusyError, type Desk, type WantedAnswer } from "./service.ts";

/**
 * Milliseconds for which the loop may keep everybody else waiting. The CPU device computes on the
 * thread that reads requests and signals; to look for them takes about 2 ms.
 */
const TURN = 20;

/** What a desk is told beside its engine. */
export interface DeskOptions {
  /** How many answers may wait beside those that are generated. */
  queue: number;
  /** A clock, in milliseconds. */
  now(): number;
  /** Told of an error of the engine, after which all its answers have ended. */
  onError(error: unknown): void;
}

/** Orders answers of an engine that nobody else uses. */
export class EngineDesk implements Desk {
  readonly #engine: SequenceEngine;
  readonly #options: DeskOptions;
  readonly #answers = new Map<Sequence, Answer>();
  readonly #counts = new DeskCounts();
  readonly #lost = Promise.withResolvers<UserError>();
  #closed: { reason: unknown } | undefined;
  #driving: Promise<void> | undefined;

  /** A desk at which nothing is ordered yet. */
  constructor(engine: SequenceEngine, options: DeskOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** Most tokens of a prompt and its answer together. */
  get capacity(): number {
    return this.#engine.capacity;
  }

  /** How much of the engine is in use. */
  get use(): EngineUse {
    return this.#engine.use;
  }

  /** What was counted until now. */
  get counts(): DeskCounts {
    return this.#counts;
  }

  /** Given the error after which no answer can be generated any more, such as a lost device. */
  get lost(): Promise<UserError> {
    return this.#lost.promise;
  }

  /** Done when the engine is at nothing, which may be some time after its last answer was taken out. */
  async idle(): Promise<void> {
    await this.#driving;
  }

  /**
   * See {@link Desk.order}.
   *
   * @throws {ApiError} for more answers than there can ever be, which need not come again.
   * @throws {BusyError} when too many answers wait already.
   * @throws what {@link close} was given, after it.
   */
  order(wanted: readonly WantedAnswer[], signal: AbortSignal): AsyncGenerator<SequenceStep>[] {
    if (this.#closed) throw this.#closed.reason;
    signal.throwIfAborted();
    const now = this.#options.now(), places = this.use.maxRows + this.#options.queue;
    if (wanted.length > places) {
      throw new ApiError(
        `${wanted.length} answers are asked for, but this server has room for ${places} at a time`,
        { code: "invalid_value" },
      );
    }
    if (this.#answers.size + wanted.length > places) {
      this.#counts.refused += wanted.length;
      throw new BusyError(this.#counts.secondsUntilEnds(wanted.length, now));
    }
    const answers = this.#addAll(wanted).map((sequence) => new Answer(sequence, now));
    this.#counts.ordered += answers.length;
    for (const answer of answers) {
      this.#counts.promptTokens += answer.sequence.prompt.length;
      if (answer.sequence.isRunning) this.#answers.set(answer.sequence, answer);
      else answer.end();
    }
    signal.addEventListener("abort", () => {
      for (const answer of answers) this.#leave(answer, signal.reason);
    }, { once: true });
    this.#driving ??= this.#drive();
    return answers.map((answer) => answer.read(() => this.#leave(answer, undefined)));
  }

  /**
   * Takes no more orders; answers of which nothing has come yet end with a reason, those that have
   * begun go on.
   *
   * @param reason What is thrown in place of an answer.
   */
  close(reason: unknown): void {
    this.#closed = { reason };
    for (const answer of this.#answers.values()) {
      if (!answer.hasBegun) this.#fail(answer, reason);
    }
  }

  /** Ends every answer that has not ended, with a reason that is thrown to whoever reads it. */
  end(reason: unknown): void {
    this.#closed = { reason };
    for (const answer of this.#answers.values()) this.#fail(answer, reason);
  }

  /** Adds sequences to the engine, all or none. */
  #addAll(wanted: readonly WantedAnswer[]): Sequence[] {
    const added: Sequence[] = [];
    try {
      for (const { prompt, options } of wanted) added.push(this.#engine.add(prompt, options));
    } catch (error) {
      for (const sequence of added) this.#engine.remove(sequence);
      throw error;
    }
    return added;
  }

  /** Takes an answer out that has not ended, since nobody wants it any longer. */
  #leave(answer: Answer, reason: unknown): void {
    if (!this.#take(answer)) return;
    this.#counts.left++;
    answer.fail(reason);
  }

  #fail(answer: Answer, reason: unknown): void {
    if (!this.#take(answer)) return;
    this.#counts.failed++;
    answer.fail(reason);
  }

  /** Frees an answer's place. Returns whether it had one. */
  #take(answer: Answer): boolean {
    if (!this.#answers.delete(answer.sequence)) return false;
    this.#engine.remove(answer.sequence);
    return true;
  }

  /** Lets the engine go on until there is no answer left. */
  async #drive(): Promise<void> {
    // Whoever orders reads on at once, and not after the device's first step.
    await pause(undefined, TURN);
    while (this.#answers.size > 0) {
      try {
        this.#give(await this.#engine.step());
      } catch (error) {
        this.#breakOff(error);
      }
      await pause(undefined, TURN);
    }
    this.#counts.rest();
    this.#driving = undefined;
  }

  /** Hands out tokens that came together. */
  #give(steps: readonly SequenceStep[]): void {
    const now = this.#options.now();
    if (steps.length > 0) this.#counts.addTokens(steps.length, now);
    for (const step of steps) {
      const answer = this.#answers.get(step.sequence);
      // It may have been taken out while the engine was at it.
      if (!answer) continue;
      if (!answer.hasBegun) {
        this.#counts.addFirstToken(now - answer.orderedAt);
        this.#counts.sharedTokens += step.sequence.sharedTokens;
      }
      answer.push(step);
      if (step.end === undefined) continue;
      this.#counts.addEnd(now);
      this.#answers.delete(step.sequence);
    }
  }

  /** After an error of the engine: no answer can be trusted to go on, the next may well be. */
  #breakOff(error: unknown): void {
    for (const answer of this.#answers.values()) this.#fail(answer, error);
    this.#options.onError(error);
    if (!(error instanceof UserError) || !isLasting(error)) return;
    this.#closed = { reason: error };
    this.#lost.resolve(error);
  }
}

/** Whether every other answer would meet the error as well. */
function isLasting({ detail }: UserError): boolean {
  return detail?.kind === "deviceLost" || detail?.kind === "threadLost";
}
