/**
 * The state of an optimizer that ranks share, in the files that nanochat's ranks save. One rank
 * writes all of them, and reads what the others have while it writes.
 *
 * @module
 */
import { together } from "../../ranks/mod.ts";
import type { TensorSource } from "../../tensor_source.ts";
import { entriesOf, type OptimizerState, ownTensors, stateOf, type StateTime } from "../state.ts";
import type { RankOptimizer } from "./rank_optimizer.ts";

/** Nothing to hand over. */
const NONE = new Float32Array(0);
/** Asked for instead of a rank when rank 0 asks no more. */
const END = -1;

/** What rank 0 asks all ranks for. */
interface Request {
  /** Whose. */
  rank: number;
  /** Which of its entries. */
  entry: number;
  /** The first element. */
  start: number;
  /** How many. */
  count: number;
}

/**
 * The states of all ranks, of which rank 0 makes files. Until then nothing is read.
 */
export class ShardStates {
  /**
   * What each rank's file holds, in the order of the ranks; of use on rank 0 only, and the tensors of
   * other ranks only within {@link whileServed}.
   */
  readonly states: readonly OptimizerState[];
  /** What this rank has. */
  readonly #own: TensorSource[];
  /** Requests go one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Why no rank answers any more. */
  #failure: { error: unknown } | undefined;

  /**
   * Of an optimizer, on every rank alike.
   *
   * @param optimizer What this rank has of the optimizer.
   * @param now Where the run stands.
   */
  constructor(private readonly optimizer: RankOptimizer, now: StateTime) {
    const { groups, ranks: { worldSize } } = optimizer;
    this.#own = ownTensors(optimizer);
    this.states = Array.from({ length: worldSize }, (_, rank) => {
      const entries = entriesOf(groups, rank, worldSize);
      const tensors = entries.map(({ shape, dtype, isReplicated }, entry): TensorSource =>
        isReplicated || rank === optimizer.ranks.rank ? this.#own[entry] : {
          dtype,
          shape,
          read: (start, count) => this.#read({ rank, entry, start, count }),
        }
      );
      return stateOf(optimizer, entries, tensors, now);
    });
  }

  /**
   * Runs `write` on rank 0, where it may read all states; the other ranks answer meanwhile. To be
   * called by all ranks at once.
   *
   * @returns What `write` gave; undefined on other ranks.
   * @throws {UserError} on every rank, if one could not be read.
   */
  async whileServed<T>(write: () => Promise<T>): Promise<T | undefined> {
    if (this.optimizer.ranks.rank !== 0) return await this.#serve();
    try {
      return await write();
    } finally {
      await this.#inTurn(() => this.#ask({ rank: END, entry: 0, start: 0, count: 0 }));
    }
  }

  /** Answers rank 0 until it asks no more. */
  async #serve(): Promise<undefined> {
    for (;;) {
      const request = await this.#ask();
      if (request.rank === END) return;
      await this.#answer(request);
    }
  }

  #read(request: Request): Promise<Float32Array> {
    return this.#inTurn(async () => {
      if (this.#failure) throw this.#failure.error;
      await this.#ask(request);
      return await this.#answer(request);
    });
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(run);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Tells all ranks what rank 0 asks for, unless they have ended. */
  async #ask(asked?: Request): Promise<Request> {
    const numbers = new Float64Array(4);
    if (asked) numbers.set([asked.rank, asked.entry, asked.start, asked.count]);
    if (!this.#failure) await this.optimizer.ranks.broadcast(new Uint8Array(numbers.buffer));
    const [rank, entry, start, count] = numbers;
    return { rank, entry, start, count };
  }

  /** Hands what is asked for to rank 0. */
  async #answer({ rank: owner, entry, start, count }: Request): Promise<Float32Array> {
    const { ranks } = this.optimizer;
    let values: Float32Array = NONE;
    try {
      await together({ ranks }, async () => {
        if (ranks.rank !== owner) return;
        values = await this.#own[entry].read(start, count) as Float32Array;
      });
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
    const outgoing = Array<Float32Array>(ranks.worldSize).fill(NONE);
    outgoing[0] = values;
    const lengths = Array<number>(ranks.worldSize).fill(0);
    if (ranks.rank === 0) lengths[owner] = count;
    return (await ranks.exchange(outgoing, lengths))[owner];
  }
}
