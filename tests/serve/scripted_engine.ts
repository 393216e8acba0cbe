/** An engine without a model: each sequence says what its prompt says, token by token. */
import type {
  EngineUse,
  Sequence,
  SequenceEngine,
  SequenceOptions,
  SequenceStep,
} from "../../lib/engine/mod.ts";

class Scripted implements Sequence {
  readonly sharedTokens = 0;
  isRunning = true;
  said = 0;

  constructor(readonly prompt: readonly number[], readonly options: SequenceOptions) {}
}

/**
 * Says `prompt[0]`, `prompt[1]`, … and ends with the prompt or after `maxTokens`. Each step waits for
 * `gate`, if there is one.
 */
export class ScriptedEngine implements SequenceEngine {
  readonly capacity = 100;
  /** What each step waits for; it throws where this throws. */
  gate: (() => Promise<void>) | undefined;
  /** How many steps were taken. */
  steps = 0;
  readonly #sequences: Scripted[] = [];

  constructor(readonly rows = 2) {}

  get use(): EngineUse {
    const rows = Math.min(this.rows, this.#sequences.length);
    const waiting = this.#sequences.length - rows;
    return { rows, maxRows: this.rows, waiting, pages: rows, maxPages: 8, pageTokens: 64 };
  }

  add(prompt: readonly number[], options: SequenceOptions = {}): Sequence {
    if (prompt.length === 0 || prompt.length >= this.capacity) throw new RangeError("no room");
    const sequence = new Scripted(prompt, options);
    if (options.maxTokens === 0) sequence.isRunning = false;
    else this.#sequences.push(sequence);
    return sequence;
  }

  remove(sequence: Sequence): void {
    (sequence as Scripted).isRunning = false;
    const place = this.#sequences.indexOf(sequence as Scripted);
    if (place >= 0) this.#sequences.splice(place, 1);
  }

  async step(): Promise<readonly SequenceStep[]> {
    const rows = this.#sequences.slice(0, this.rows);
    await this.gate?.();
    this.steps++;
    return rows.filter(({ isRunning }) => isRunning).map((sequence): SequenceStep => {
      const { prompt, options: { maxTokens = Infinity } } = sequence;
      const step = { sequence, token: prompt[sequence.said++], forced: false };
      if (sequence.said < Math.min(prompt.length, maxTokens)) return step;
      this.remove(sequence);
      return { ...step, end: sequence.said === prompt.length ? "stop" : "length" };
    });
  }
}
