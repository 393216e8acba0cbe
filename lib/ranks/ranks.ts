/**
 * Several processes that work on one thing: ranks, as MPI calls them.
 *
 * Every collective is called by all ranks in the same order; what a rank handed over is not changed
 * until the promise is fulfilled, and what it gets are arrays of its own. Sums are taken here, in
 * the order of the ranks and not in that of the messages, so that every rank has the same bits
 * whatever moves them.
 *
 * @module
 */

/** What ranks hand each other. */
export type Elements = Uint8Array | Int32Array | Float32Array | Float64Array;

/** One of the processes that work together, and how it reaches the others. */
export abstract class Ranks {
  /** Which process this is, from 0. */
  abstract readonly rank: number;
  /** How many there are. */
  abstract readonly worldSize: number;
  /** Which of its machine's processes this is, from 0. */
  abstract readonly localRank: number;
  /** How many processes its machine has. */
  abstract readonly localSize: number;

  /**
   * What each rank has, in the order of the ranks.
   *
   * @param own This rank's.
   * @param lengths Elements of each rank's; as many as this one's unless given.
   */
  abstract gather<T extends Elements>(own: T, lengths?: readonly number[]): Promise<T[]>;

  /**
   * Hands each rank its own.
   *
   * @param outgoing What each rank is to have of this one.
   * @param lengths Elements that each rank has for this one.
   * @returns What each rank had for this one.
   */
  abstract exchange<T extends Elements>(
    outgoing: readonly T[],
    lengths: readonly number[],
  ): Promise<T[]>;

  /** Adds up what all ranks have, in place: few numbers, all of which go to every rank. */
  async sum(values: Float32Array | Float64Array): Promise<void> {
    const all = await this.gather(values);
    values.fill(0);
    for (const each of all) add(values, each);
  }

  /**
   * Adds up what all ranks have, and leaves each rank its part of the sum.
   *
   * @param parts What this rank has, by the rank that gets the sum of it.
   * @returns The sum of all ranks' parts for this one, float32.
   */
  async scatter(parts: readonly Float32Array[]): Promise<Float32Array> {
    const { length } = parts[this.rank];
    const all = await this.exchange(parts, parts.map(() => length));
    const sum = Float32Array.from(all[0]);
    for (const each of all.slice(1)) add(sum, each);
    return sum;
  }

  /** Gives every rank what `root` has: `bytes` is overwritten on the others. */
  async broadcast(bytes: Uint8Array, root = 0): Promise<void> {
    const { rank, worldSize } = this;
    const lengths = Array.from({ length: worldSize }, (_, r) => r === root ? bytes.length : 0);
    const all = await this.gather(rank === root ? bytes : new Uint8Array(0), lengths);
    if (rank !== root) bytes.set(all[root]);
  }

  /** Whether it is so on any rank. */
  async any(is: boolean): Promise<boolean> {
    return (await this.gather(Uint8Array.of(is ? 1 : 0))).some(([is]) => is === 1);
  }

  /** Waits for all ranks. */
  async barrier(): Promise<void> {
    await this.gather(new Uint8Array(1));
  }
}

function add(sum: Float32Array | Float64Array, values: Float32Array | Float64Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] += values[i];
}
