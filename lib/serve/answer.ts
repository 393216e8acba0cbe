/**
 * An answer that was ordered: its tokens wait here for whoever reads them.
 *
 * @module
 */
import type { Sequence, SequenceStep } from "../engine/mod.ts";

/** Tokens come in at the rate of the device, and go out at that of the reader. */
export class Answer {
  readonly #steps: SequenceStep[] = [];
  #isOver = false;
  #error: { reason: unknown } | undefined;
  #wake: (() => void) | undefined;
  /** Whether a token has come. */
  hasBegun = false;

  /**
   * An answer of which nothing has come yet.
   *
   * @param sequence What the engine generates for it.
   * @param orderedAt When it was ordered, in milliseconds.
   */
  constructor(readonly sequence: Sequence, readonly orderedAt: number) {}

  /** Takes the next token. */
  push(step: SequenceStep): void {
    this.hasBegun = true;
    this.#steps.push(step);
    if (step.end !== undefined) this.#isOver = true;
    this.#wake?.();
  }

  /** Ends it where it is, since no token can come. */
  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }

  /** Ends it early: what has come is still read, then the reason is thrown. */
  fail(reason: unknown): void {
    this.#error = { reason };
    this.#wake?.();
  }

  /**
   * The tokens, each as soon as it is there.
   *
   * @param leave Called when they are read no longer, to the end or not.
   */
  async *read(leave: () => void): AsyncGenerator<SequenceStep> {
    try {
      for (;;) {
        // One by one, since what comes meanwhile goes behind.
        for (let step; (step = this.#steps.shift()) !== undefined;) yield step;
        if (this.#isOver) return;
        if (this.#error) throw this.#error.reason;
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      leave();
    }
  }
}
