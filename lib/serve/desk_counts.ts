/**
 * What a desk counts of its answers, for whoever watches a server.
 *
 * @module
 */

/** Over how long a rate is taken, in milliseconds. */
const RATE_WINDOW = 10_000;
/** Of how many answers the first token's time is remembered, and of how many the end's. */
const REMEMBERED = 1000, REMEMBERED_ENDS = 32;
/** The longest that anybody is asked to wait, in seconds. */
const LONGEST_WAIT = 60;

/** Times are in milliseconds of one clock. */
export class DeskCounts {
  /** Answers that were ordered. */
  ordered = 0;
  /** Of them those that came to their end. */
  ended = 0;
  /** Those that nobody wanted any longer. */
  left = 0;
  /** Those that an error ended. */
  failed = 0;
  /** Answers for which there was no place. */
  refused = 0;
  /** Tokens of prompts. */
  promptTokens = 0;
  /** Of them those that need not be read, since another answer had read them. */
  sharedTokens = 0;
  /** Tokens that were generated. */
  tokens = 0;
  readonly #recent: { at: number; tokens: number }[] = [];
  readonly #firstTokens: number[] = [];
  readonly #ends: number[] = [];

  /** Counts tokens that came together. */
  addTokens(tokens: number, now: number): void {
    this.tokens += tokens;
    this.#recent.push({ at: now, tokens });
    this.#forget(now);
  }

  /** Counts an answer's first token, so long after it was ordered. */
  addFirstToken(milliseconds: number): void {
    this.#firstTokens.push(milliseconds);
    if (this.#firstTokens.length > REMEMBERED) this.#firstTokens.shift();
  }

  /** Counts an answer that came to its end. */
  addEnd(now: number): void {
    this.ended++;
    this.#ends.push(now);
    if (this.#ends.length > REMEMBERED_ENDS) this.#ends.shift();
  }

  /** Nothing is left to do: how long it takes to the next end says nothing of how fast it goes. */
  rest(): void {
    this.#ends.length = 0;
  }

  /** Tokens a second, over the last ten seconds. */
  tokensPerSecond(now: number): number {
    this.#forget(now);
    const tokens = this.#recent.reduce((sum, { tokens }) => sum + tokens, 0);
    return tokens / (RATE_WINDOW / 1000);
  }

  /**
   * How long the first token took of the share `quantile` of the last thousand answers, in
   * milliseconds; undefined before there was one.
   */
  firstTokenTime(quantile: number): number | undefined {
    const sorted = this.#firstTokens.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))];
  }

  /**
   * Seconds until so many answers more will have ended, if it goes on as it did of late: a whole
   * number from 1 to 60.
   */
  secondsUntilEnds(answers: number, now: number): number {
    const [first] = this.#ends;
    if (first === undefined) return 1;
    const seconds = answers * (now - first) / this.#ends.length / 1000;
    return Math.min(LONGEST_WAIT, Math.max(1, Math.ceil(seconds)));
  }

  #forget(now: number): void {
    while (this.#recent.length > 0 && this.#recent[0].at < now - RATE_WINDOW) this.#recent.shift();
  }
}
