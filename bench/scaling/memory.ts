/** What a rank needs of memory: its device's counted as before a run, its host's by sizes. */
import type { Hardware } from "../../lib/device/mod.ts";
import { NEWEST_PARTS } from "../../lib/model/mod.ts";
import { countTraining } from "../../lib/training/mod.ts";
import type { Machine } from "./machines.ts";
import type { SizedModel } from "./model.ts";
import { STEP_TOKENS } from "./step.ts";
import { trafficOf } from "./traffic.ts";

/**
 * Bytes of a rank's device: weights, gradients, its part of the optimizer, activations; on a GPU also
 * a copy of the gradients on their way to the host. It is the first rank's, which owns most.
 *
 * @param device One that counts.
 * @param rows Of a micro-batch.
 * @throws {UserError} when so many ranks cannot share a parameter's rows.
 */
export async function deviceBytes(
  device: Hardware,
  { overlaps }: Pick<Machine, "overlaps">,
  { model: { config, counts } }: SizedModel,
  worldSize: number,
  rows: number,
): Promise<number> {
  const shape = { config, parts: NEWEST_PARTS }, ranks = { rank: 0, worldSize };
  const { total } = await countTraining(device, shape, { rows, T: config.sequenceLen, ranks });
  return total + (overlaps && worldSize > 1 ? 4 * counts.total : 0);
}

/**
 * Bytes of the busiest rank's host, at the worst: all gradients, the messages of them to other ranks,
 * and theirs. The values that come back later are cut into pieces.
 */
export function hostBytes(sized: SizedModel, worldSize: number): number {
  if (worldSize === 1) return 0;
  const { buckets } = trafficOf(sized, worldSize, STEP_TOKENS / worldSize, "float32");
  const messages = buckets[0].incoming.map((_, rank) =>
    buckets.reduce((sum, { incoming, outgoing }) => sum + incoming[rank] + outgoing[rank], 0)
  );
  return 4 * sized.model.counts.total + Math.max(...messages);
}

/** The most rows, a power of two up to `most`, for which a rank has the memory; 0 where none. */
export async function mostRows(
  device: Hardware,
  machine: Machine,
  sized: SizedModel,
  worldSize: number,
  most: number,
): Promise<number> {
  for (let rows = most; rows >= 1; rows /= 2) {
    if (await deviceBytes(device, machine, sized, worldSize, rows) <= machine.deviceMemory) {
      return rows;
    }
  }
  return 0;
}
