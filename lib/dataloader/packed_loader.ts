import type { Conversation } from "../conversation.ts";
import { UserError } from "../errors.ts";
import { fitToRow, type Rendered, type RowFit } from "./row_fit.ts";

/** Conversations waiting to be placed; the longest that fits is chosen among them. */
const BUFFER_SIZE = 100;
/** The target that is left out of the loss. */
const IGNORED = -1;

/** A list of conversations: a task, a mixture, or one's own. */
export interface ConversationDataset {
  /** How many there are. */
  readonly length: number;
  /** Conversation `index`, from 0. */
  get(index: number): Conversation;
}

/**
 * Turns a conversation into at most `maxTokens` tokens. The packer asks for all there are, for it
 * counts what does not fit into a row.
 */
export type Render = (conversation: Conversation, maxTokens: number) => Rendered;

/** What a loader needs to know. */
export interface PackedLoaderOptions {
  /** Rows of a batch. */
  B: number;
  /** Tokens of a row that go into the model; rows are packed one token longer for the targets. */
  T: number;
  /** Tokenizes a conversation. */
  render: Render;
  /** The id of `<|bos|>`, which also fills what is left of a row. */
  bosId: number;
  /** Bytes of each token, 0 for special ones; see {@link fitToRow}. */
  tokenBytes?: ArrayLike<number>;
  /** Which of `worldSize` processes this is; 0 unless given. It reads every worldSize-th row. */
  rank?: number;
  /** How many processes train one model; 1 unless given. */
  worldSize?: number;
  /** What tells the dataset's content from another's; kept in the state and compared with it. */
  checksum?: string;
  /** Where an earlier loader over the same dataset left off. */
  state?: PackedLoaderState;
}

/** Where a loader is, as plain JSON. */
export interface PackedLoaderState {
  /** The number of conversations of the dataset. */
  datasetLength: number;
  /** The checksum of its content; empty where none was given, undefined in a state of old. */
  checksum?: string;
  /** The next conversation to read; the dataset's length or more when the pass was read. */
  cursor: number;
  /** As in {@link PackedBatch}. */
  consumed: number;
  /** Which pass over the dataset the reading is in, from 1. */
  epoch: number;
  /** The conversations read and not yet placed, in the order read; all of one pass. */
  buffer: number[];
}

/** One micro-batch of conversations, packed into rows. */
export interface PackedBatch {
  /** Token ids, int32, (B, T) by rows. */
  x: Int32Array<ArrayBuffer>;
  /** The id that follows each of `x`, int32, (B, T); −1 where it is left out of the loss. */
  y: Int32Array<ArrayBuffer>;
  /** How many of `y` are not −1. It may be 0. */
  targets: number;
  /** How many of the B·(T+1) places are filling. */
  padding: number;
  /** Which conversations were placed, by their places in the dataset, in the order of the rows. */
  conversations: number[];
  /** How many conversations were longer than a row and cut to it. */
  cut: number;
  /** How many tokens that lost. */
  lostTokens: number;
  /** How many conversations were read and left out: within a row no token of theirs is trained. */
  leftOut: number;
  /** Conversations placed or left out by all processes, if all are as far as this one. */
  consumed: number;
  /** The share of the dataset placed or left out so far, 0 to 1. */
  progress: number;
  /** Which pass over the dataset the last conversation placed is of, from 1. */
  epoch: number;
  /** Whether the first pass is over: as many conversations as the dataset has were consumed. */
  done: boolean;
}

/** A conversation read and not yet placed. */
interface Waiting extends Rendered, RowFit {
  index: number;
}

/**
 * Packs whole conversations into rows of equal length, as nanochat does: of 100 waiting
 * conversations the longest that fits the rest of the row is placed, the earliest of equals; when
 * none fits, the rest is filled with bos and left out of the loss. Every row so begins with bos and
 * no conversation is split. One that is longer than a row is cut to it and counted; nanochat would
 * never place it. One that has no trained text within a row is left out and counted.
 *
 * The loader never ends: after the last conversation it reads the first again, but not before all
 * that wait are placed, so that each is trained on once a pass; the rest of a pass's last row is
 * filled from the next pass. For validation make a new loader each time.
 *
 * @example
 * ```ts
 * import { type Conversation, PackedLoader } from "@nanochat/sft/dataloader";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = {
 *   length: 3,
 *   get: (i: number) => ({ messages: [{ role: "user" as const, content: "abc".slice(i) }] }),
 * };
 * // A toy tokenizer: 0 for bos, then a 7 for each letter; all letters are trained on.
 * const render = (conversation: Conversation) => {
 *   const letters = Array(conversation.messages[0].content.length).fill(7);
 *   return { ids: [0, ...letters], mask: [0, ...letters.map(() => 1)] };
 * };
 * const loader = new PackedLoader(dataset, { B: 1, T: 5, render, bosId: 0 });
 * const batch = loader.next();
 * assertEquals([...batch.x], [0, 7, 7, 7, 0]);
 * assertEquals([...batch.y], [7, 7, 7, -1, 7]);
 * ```
 */
export class PackedLoader {
  readonly #dataset: ConversationDataset;
  readonly #options: PackedLoaderOptions;
  readonly #worldSize: number;
  readonly #row: Int32Array;
  readonly #rowMask: Uint8Array;
  #cursor: number;
  #consumed: number;
  #epoch: number;
  #waiting: Waiting[] = [];
  /** Conversations left out since the last one that was not. */
  #leftOutInARow = 0;

  /**
   * Begins at the dataset's start, or at a saved state.
   *
   * @throws {UserError} If the dataset is empty, or is another than the state's.
   */
  constructor(dataset: ConversationDataset, options: PackedLoaderOptions) {
    if (dataset.length === 0) throw new UserError("there are no conversations to pack");
    const { T, rank = 0, worldSize = 1, state } = options;
    this.#dataset = dataset;
    this.#options = options;
    this.#worldSize = worldSize;
    this.#row = new Int32Array(T + 1);
    this.#rowMask = new Uint8Array(T + 1);
    this.#cursor = rank % dataset.length;
    this.#consumed = rank;
    this.#epoch = 1 + Math.floor(rank / dataset.length);
    if (state !== undefined) this.#restore(state);
  }

  #restore(state: PackedLoaderState): void {
    if (state.datasetLength !== this.#dataset.length) {
      throw new UserError(
        `cannot continue: the data had ${state.datasetLength} conversations and now has ` +
          `${this.#dataset.length}; use the mixture that the run began with`,
      );
    }
    if ((state.checksum ?? this.#checksum) !== this.#checksum) {
      throw new UserError(
        `cannot continue: the data has ${state.datasetLength} conversations as before, but their ` +
          "content has changed; use the mixture that the run began with",
      );
    }
    this.#cursor = state.cursor;
    this.#consumed = state.consumed;
    this.#epoch = state.epoch;
    for (const conversation of state.buffer.map((index) => this.#read(index))) {
      // What others had not read yet waits too, see `dealt`.
      if (conversation.isTrained) this.#waiting.push(conversation);
      else this.#consumed += this.#worldSize;
    }
  }

  get #checksum(): string {
    return this.#options.checksum ?? "";
  }

  /** Where the loader is: a loader made with it goes on with the same batches. */
  get state(): PackedLoaderState {
    return {
      datasetLength: this.#dataset.length,
      checksum: this.#checksum,
      cursor: this.#cursor,
      consumed: this.#consumed,
      epoch: this.#epoch,
      buffer: this.#waiting.map((conversation) => conversation.index),
    };
  }

  /**
   * Packs the next micro-batch.
   *
   * @throws {UserError} If no conversation has a token to train on within a row.
   */
  next(): PackedBatch {
    const { B, T } = this.#options;
    const batch: PackedBatch = {
      x: new Int32Array(B * T),
      y: new Int32Array(B * T),
      targets: 0,
      padding: 0,
      conversations: [],
      cut: 0,
      lostTokens: 0,
      leftOut: 0,
      consumed: 0,
      progress: 0,
      epoch: 1,
      done: false,
    };
    for (let b = 0; b < B; b++) {
      this.#packRow(batch);
      batch.x.set(this.#row.subarray(0, T), b * T);
      for (let t = 0; t < T; t++) {
        const trained = this.#rowMask[t + 1] === 1;
        batch.y[b * T + t] = trained ? this.#row[t + 1] : IGNORED;
        if (trained) batch.targets++;
      }
    }
    batch.consumed = this.#consumed;
    batch.progress = Math.min(1, this.#consumed / this.#dataset.length);
    batch.done = this.#consumed >= this.#dataset.length;
    return batch;
  }

  /** Fills the row and its mask, and counts what was placed, cut, left out and filled up. */
  #packRow(batch: PackedBatch): void {
    const capacity = this.#row.length;
    this.#row.fill(this.#options.bosId);
    this.#rowMask.fill(0);
    let used = 0;
    while (used < capacity) {
      this.#readAhead(batch);
      const best = this.#longestThatFits(capacity - used);
      if (best < 0) break;
      const [{ index, ids, mask, length, lost }] = this.#waiting.splice(best, 1);
      for (let i = 0; i < length; i++) {
        this.#row[used + i] = ids[i];
        this.#rowMask[used + i] = mask[i];
      }
      used += length;
      this.#consumed += this.#worldSize;
      batch.conversations.push(index);
      batch.epoch = this.#epoch;
      if (lost > 0) batch.cut++;
      batch.lostTokens += lost;
    }
    batch.padding += capacity - used;
  }

  #longestThatFits(room: number): number {
    let best = -1;
    let bestLength = 0;
    for (let i = 0; i < this.#waiting.length; i++) {
      const { length } = this.#waiting[i];
      if (length <= room && length > bestLength) {
        best = i;
        bestLength = length;
      }
    }
    return best;
  }

  /** Fills the buffer from the pass; from the next one only when none of this one waits. */
  #readAhead(batch: PackedBatch): void {
    const { length } = this.#dataset;
    while (this.#waiting.length < BUFFER_SIZE) {
      if (this.#cursor >= length) {
        if (this.#waiting.length > 0) return;
        this.#epoch += Math.floor(this.#cursor / length);
        this.#cursor %= length;
      }
      const conversation = this.#read(this.#cursor);
      this.#cursor += this.#worldSize;
      if (conversation.isTrained) {
        this.#waiting.push(conversation);
        this.#leftOutInARow = 0;
        continue;
      }
      batch.leftOut++;
      this.#consumed += this.#worldSize;
      if (++this.#leftOutInARow >= length) {
        throw new UserError(
          `there is nothing to train on: no conversation has trained text in a row of ` +
            `${this.#options.T} tokens`,
        );
      }
    }
  }

  #read(index: number): Waiting {
    const { T, tokenBytes } = this.#options;
    const rendered = this.#options.render(this.#dataset.get(index), Infinity);
    return { index, ...rendered, ...fitToRow(rendered, T, tokenBytes) };
  }
}
