/**
 * Packing documents into rows for pretraining, as nanochat's best-fit loader does.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** Documents waiting to be placed; the longest that fits is chosen among them. */
const BUFFER_SIZE = 1000;

/** A micro-batch of documents. */
export interface DocumentBatch {
  /** Token ids, int32, (B, T) by rows. */
  x: Int32Array;
  /** The id that follows each of `x`, int32, (B, T); all are trained on. */
  y: Int32Array;
  /** Which documents were placed, by their places in the list, in the order of the rows. */
  documents: number[];
  /** Which pass over the documents this is, from 1. */
  epoch: number;
  /**
   * Documents placed / documents, beyond 1 in later epochs; of several ranks those of all, if all are
   * as far as this one.
   */
  progress: number;
}

/** What a loader needs to know. */
export interface DocumentLoaderOptions {
  /** Rows of a batch. */
  B: number;
  /** Tokens of a row that go into the model; rows are packed one token longer for the targets. */
  T: number;
  /** Documents to choose among, 1000 unless given. */
  bufferSize?: number;
  /** Which of `worldSize` processes this is; 0 unless given. It reads every worldSize-th document. */
  rank?: number;
  /** How many processes train one model; 1 unless given. */
  worldSize?: number;
}

/**
 * Batches without padding, in which every row begins with a document. A row is filled with the
 * longest waiting document that fits, again and again; when none fits, the shortest is cut to
 * what is left of the row and its rest is lost (about a third of all tokens where documents are as
 * long as rows). After the last document the first follows, but not before all that wait are placed,
 * so that each is placed once a pass.
 *
 * Rank r of N reads documents r, r + N, r + 2 N, … and past the end goes on counting from the first, so
 * that in each pass every document is read by one rank.
 *
 * @example
 * ```ts
 * import { DocumentLoader } from "@nanochat/sft/base";
 * import { assertEquals } from "@std/assert";
 *
 * const documents = [[0, 1, 2], [0, 3], [0, 4, 5, 6]].map((ids) => Int32Array.from(ids));
 * const { x, y } = new DocumentLoader(documents, { B: 1, T: 5 }).next();
 * assertEquals([...x], [0, 4, 5, 6, 0]);
 * assertEquals([...y], [4, 5, 6, 0, 3]);
 * ```
 */
export class DocumentLoader {
  readonly #documents: readonly Int32Array[];
  readonly #options: Required<DocumentLoaderOptions>;
  /** Documents read and not yet placed, by their places in the list; all of one pass. */
  readonly #buffer: number[] = [];
  /** The next document to read, counted through all passes. */
  #next: number;
  /** Which pass the buffer is of, from 0. */
  #pass = 0;

  /**
   * Begins at the first document, or the rank's first.
   *
   * @param documents Documents as tokens, each beginning with bos.
   * @throws {UserError} If there are none.
   */
  constructor(documents: readonly Int32Array[], options: DocumentLoaderOptions) {
    if (documents.length === 0) throw new UserError("there are no documents to train on");
    this.#documents = documents;
    this.#options = { bufferSize: BUFFER_SIZE, rank: 0, worldSize: 1, ...options };
    this.#next = this.#options.rank;
  }

  /** The next batch. */
  next(): DocumentBatch {
    const { B, T, worldSize } = this.#options;
    const x = new Int32Array(B * T), y = new Int32Array(B * T);
    const row = new Int32Array(T + 1);
    const placed: number[] = [];
    for (let b = 0; b < B; b++) {
      this.#fill(row, placed);
      x.set(row.subarray(0, T), b * T);
      y.set(row.subarray(1), b * T);
    }
    const progress = (this.#next - worldSize * this.#buffer.length) / this.#documents.length;
    return { x, y, documents: placed, epoch: Math.floor(progress) + 1, progress };
  }

  #fill(row: Int32Array, placed: number[]): void {
    for (let filled = 0; filled < row.length;) {
      const index = this.#take(row.length - filled);
      const document = this.#documents[index].subarray(0, row.length - filled);
      row.set(document, filled);
      filled += document.length;
      placed.push(index);
    }
  }

  /** The longest waiting document of at most so many tokens, else the shortest. */
  #take(space: number): number {
    this.#readAhead();
    const buffer = this.#buffer;
    const lengthOf = (i: number) => this.#documents[buffer[i]].length;
    let longest = -1, shortest = 0;
    for (let i = 0; i < buffer.length; i++) {
      const length = lengthOf(i);
      if (length <= space && (longest < 0 || length > lengthOf(longest))) longest = i;
      if (length < lengthOf(shortest)) shortest = i;
    }
    const [index] = buffer.splice(longest >= 0 ? longest : shortest, 1);
    return index;
  }

  /** Fills the buffer from the pass; from the next one only when none of this one waits. */
  #readAhead(): void {
    const { length } = this.#documents, { bufferSize, worldSize } = this.#options;
    while (this.#buffer.length < bufferSize) {
      const pass = Math.floor(this.#next / length);
      if (pass !== this.#pass && this.#buffer.length > 0) return;
      this.#pass = pass;
      this.#buffer.push(this.#next % length);
      this.#next += worldSize;
    }
  }
}
