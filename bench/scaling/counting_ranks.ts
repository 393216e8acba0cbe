import { type Elements, Ranks } from "../../lib/ranks/mod.ts";

/** Ranks that count what they hand each other. */
export class CountingRanks extends Ranks {
  /** Bytes that came from other ranks. */
  incoming = 0;
  /** Bytes that went to them. */
  outgoing = 0;
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number;
  readonly localSize: number;

  constructor(private readonly ranks: Ranks) {
    super();
    this.rank = ranks.rank;
    this.worldSize = ranks.worldSize;
    this.localRank = ranks.localRank;
    this.localSize = ranks.localSize;
  }

  async gather<T extends Elements>(own: T, lengths?: readonly number[]): Promise<T[]> {
    const all = await this.ranks.gather(own, lengths);
    this.#count(all, all.map(() => own));
    return all;
  }

  async exchange<T extends Elements>(
    outgoing: readonly T[],
    lengths: readonly number[],
  ): Promise<T[]> {
    const all = await this.ranks.exchange(outgoing, lengths);
    this.#count(all, outgoing);
    return all;
  }

  #count(incoming: readonly Elements[], outgoing: readonly Elements[]): void {
    for (let rank = 0; rank < this.worldSize; rank++) {
      if (rank === this.rank) continue;
      this.incoming += incoming[rank].byteLength;
      this.outgoing += outgoing[rank].byteLength;
    }
  }
}
