/**
 * What ranks agree on once a step.
 *
 * @module
 */
import type { Ranks } from "../ranks/mod.ts";

/** How a step went on one rank. */
interface Own {
  /** Whether its micro-batches were all handed over: false where it was told to stop. */
  isWhole: boolean;
  /** How far its data is. */
  progress: number;
  /** How far it is for the learning rate. */
  progressAhead: number;
  /** Whether its part of the gradients is finite. */
  isFinite: boolean;
  /** Whether it had targets to learn from. */
  hasTargets: boolean;
  /** Mean loss of its micro-batches, if it is known and it had targets. */
  loss: number | undefined;
}

/** How a step went on all of them. */
export interface Agreed {
  /** Whether no rank was told to stop. */
  isWhole: boolean;
  /** That of the rank that is the furthest: the first at the end ends all. */
  progress: number;
  /** As {@link progress}: one rate for all, or what they keep alike would drift apart. */
  progressAhead: number;
  /** Whether all gradients and losses are finite. */
  isFinite: boolean;
  /** How many ranks had targets. */
  contributors: number;
  /** The mean of their losses. */
  loss: number;
}

/** Tells the ranks how a step went on each of them. */
export async function agree(ranks: Ranks, own: Own): Promise<Agreed> {
  const { isWhole, progress, progressAhead, isFinite, hasTargets, loss = 0 } = own;
  const numbers = [isWhole, progress, progressAhead, isFinite, hasTargets, loss].map(Number);
  const all = await ranks.gather(Float64Array.from(numbers));
  const each = (i: number) => all.map((numbers) => numbers[i]);
  const contributors = each(4).reduce((sum, has) => sum + has, 0);
  const mean = each(5).reduce((sum, loss) => sum + loss, 0) / Math.max(1, contributors);
  return {
    isWhole: each(0).every(Boolean),
    progress: Math.max(...each(1)),
    progressAhead: Math.max(...each(2)),
    isFinite: each(3).every(Boolean) && Number.isFinite(mean),
    contributors,
    loss: mean,
  };
}

/** A micro-batch's loss, and the rows of the data in it. */
export interface Suspect {
  loss: number;
  rows: readonly number[];
}

/**
 * Which micro-batch of a step has a loss that is not finite, of whichever rank. Where all are
 * finite, it may have been any of them: `rows` are those of all.
 */
export async function culpritOf(
  ranks: Ranks,
  suspects: readonly Suspect[],
): Promise<{ loss: number | undefined; rows: number[] }> {
  const bad = suspects.find(({ loss }) => !Number.isFinite(loss));
  const own = bad?.rows ?? suspects.flatMap(({ rows }) => rows);
  const heads = await ranks.gather(Float64Array.of(bad?.loss ?? 0, own.length));
  const lists = await ranks.gather(Int32Array.from(own), heads.map(([, length]) => length));
  const first = heads.findIndex(([loss]) => !Number.isFinite(loss));
  if (first < 0) return { loss: undefined, rows: lists.flatMap((rows) => [...rows]) };
  return { loss: heads[first][0], rows: [...lists[first]] };
}
