import { type Elements, Ranks } from "./ranks.ts";

/** One process alone: there is nothing to wait for. */
class SingleRank extends Ranks {
  readonly rank = 0;
  readonly worldSize = 1;
  readonly localRank = 0;
  readonly localSize = 1;

  gather<T extends Elements>(own: T): Promise<T[]> {
    return Promise.resolve([own.slice() as T]);
  }

  exchange<T extends Elements>([own]: readonly T[]): Promise<T[]> {
    return Promise.resolve([own.slice() as T]);
  }
}

/** One process alone: every collective gives back what it was given. */
export const SINGLE: Ranks = new SingleRank();
