/**
 * The micro-batches of a run in their order. What is not known to have been learnt can be put back.
 *
 * @module
 */

/** A micro-batch that was packed. */
interface Packed<Batch, Data> {
  batch: Batch;
  /** Where the data stood before the step that it was packed for, or before itself. */
  data: Data;
}

/** Where they come from. */
export interface BatchSource<Batch, Data> {
  /** The next micro-batch. */
  nextBatch(): Batch;
  /** Where the data stands before it. */
  dataState(): Data;
}

/** Micro-batches of a source, some of them packed before their turn. */
export class MicroBatches<Batch, Data> {
  /** Packed and not taken. */
  readonly #waiting: Packed<Batch, Data>[] = [];
  /** Taken since the last step that is known to be good, with the number of theirs. */
  #taken: (Packed<Batch, Data> & { step: number })[] = [];

  /** Those of a source. */
  constructor(private readonly source: BatchSource<Batch, Data>) {}

  /** Where the data stands before the next one. */
  get data(): Data {
    return this.#waiting.at(0)?.data ?? this.source.dataState();
  }

  /**
   * Takes the next one.
   *
   * @param step The number of the step that it is for.
   * @param data Where the data stood before that step.
   */
  take(step: number, data: Data): Batch {
    const batch = this.#waiting.shift()?.batch ?? this.source.nextBatch();
    this.#taken.push({ batch, data, step });
    return batch;
  }

  /** The one after those that were taken, which stays there. */
  ahead(): Batch {
    if (this.#waiting.length === 0) {
      this.#waiting.push({ data: this.source.dataState(), batch: this.source.nextBatch() });
    }
    return this.#waiting[0].batch;
  }

  /** Forgets those of all steps up to this one: they are learnt. */
  settle(step: number): void {
    this.#taken = this.#taken.filter((packed) => packed.step > step);
  }

  /**
   * Puts back all that were taken for steps after this one; those up to it are settled. One of them
   * may have had no targets, and so nothing that would have settled it.
   */
  putBack(step: number): void {
    this.settle(step);
    this.#waiting.unshift(...this.#taken.map(({ batch, data }) => ({ batch, data })));
    this.#taken = [];
  }
}
