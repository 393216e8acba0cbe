/** What a rank needs of memory: its device's counted by one that only counts, its host's by sizes. */
import type { Hardware } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { Pass } from "../../lib/model/mod.ts";
import { Optimizer } from "../../lib/optim/mod.ts";
import { ownedGroups, stretchesOf } from "../../lib/optim/sharded/ownership.ts";
import type { SizedModel } from "./model.ts";
import { sizedModel } from "./model.ts";

/** Bytes of one rank, the first, which owns most. */
export interface RankMemory {
  /** Weights, gradients, its share of the optimizer, activations. */
  device: number;
  /** Gradients on their way, what other ranks send of theirs, and the values that come back. */
  host: number;
}

/**
 * Counts the memory of a rank.
 *
 * @param rows Of a micro-batch; none: without activations.
 * @throws {UserError} when so many ranks cannot share a parameter's rows.
 */
export function rankMemory(
  device: Hardware,
  { model: { config } }: SizedModel,
  worldSize: number,
  rows: number,
): RankMemory {
  const counted = device.counting();
  const { model, groups } = sizedModel(counted, config);
  const { groups: own } = ownedGroups(counted, groups, 0, worldSize);
  new Optimizer(counted, own);
  if (rows > 0) new Pass(model, rows, config.sequenceLen, { training: true });
  const { total } = model.counts;
  const mine = stretchesOf(groups, 0, worldSize).flat().reduce((sum, { count }) => sum + count, 0);
  const host = worldSize === 1 ? 0 : 4 * (total + Math.max(worldSize * mine, total));
  return { device: counted.memory.peak, host };
}

/** The most rows, a power of two up to `most`, for which a rank has the memory; 0 where none. */
export function mostRows(
  device: Hardware,
  sized: SizedModel,
  worldSize: number,
  most: number,
  limit: number,
): number {
  for (let rows = most; rows >= 1; rows /= 2) {
    if (fits(() => rankMemory(device, sized, worldSize, rows).device, limit)) return rows;
  }
  return 0;
}

/** Whether what is counted is no more than the limit; a tensor may be too large by itself. */
function fits(count: () => number, limit: number): boolean {
  try {
    return count() <= limit;
  } catch (error) {
    if (error instanceof UserError && error.detail?.kind === "memory") return false;
    throw error;
  }
}
