import { type Elements, Ranks } from "../../lib/ranks/mod.ts";

/** Ranks within one process, which meet in memory: for tests of what they do together. */
export function inProcess(worldSize: number): Ranks[] {
  const meetings: Meeting[] = [];
  return Array.from(
    { length: worldSize },
    (_, rank) => new InProcessRank(rank, worldSize, meetings),
  );
}

/** Runs something on several ranks at once; gives what each gave. */
export function onRanks<T>(worldSize: number, run: (ranks: Ranks) => Promise<T>): Promise<T[]> {
  return Promise.all(inProcess(worldSize).map(run));
}

/** One collective: what each rank brought, by the rank it is for. */
interface Meeting {
  brought: Elements[][];
  count: number;
  complete: PromiseWithResolvers<void>;
}

class InProcessRank extends Ranks {
  readonly localRank: number;
  readonly localSize: number;
  #collectives = 0;

  constructor(
    readonly rank: number,
    readonly worldSize: number,
    private readonly meetings: Meeting[],
  ) {
    super();
    this.localRank = rank;
    this.localSize = worldSize;
  }

  gather<T extends Elements>(own: T, lengths?: readonly number[]): Promise<T[]> {
    const { worldSize } = this;
    const wanted = lengths ?? Array<number>(worldSize).fill(own.length);
    return this.exchange(Array<T>(worldSize).fill(own), wanted);
  }

  async exchange<T extends Elements>(
    outgoing: readonly T[],
    lengths: readonly number[],
  ): Promise<T[]> {
    const { meetings, rank, worldSize } = this;
    const meeting = meetings[this.#collectives++] ??= {
      brought: [],
      count: 0,
      complete: Promise.withResolvers(),
    };
    meeting.brought[rank] = outgoing.map((values) => values.slice());
    if (++meeting.count === worldSize) meeting.complete.resolve();
    await meeting.complete.promise;
    return meeting.brought.map((parts, from) => {
      const part = parts[rank] as T;
      if (part.length !== lengths[from]) {
        throw new Error(
          `rank ${rank} wants ${lengths[from]} elements of rank ${from}, not ${part.length}`,
        );
      }
      return part;
    });
  }
}
