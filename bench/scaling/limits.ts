/** What breaks first when ranks are added, and at how many. */
import type { Hardware } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { stretchesOf } from "../../lib/optim/sharded/ownership.ts";
import type { Machine } from "./machines.ts";
import { deviceBytes, hostBytes } from "./memory.ts";
import type { SizedModel } from "./model.ts";
import { STEP_TOKENS, stepTime } from "./step.ts";
import { muonFlops, type ReduceType } from "./traffic.ts";

/** As far as is looked. */
const MOST_RANKS = 1024;
const SIZES = Array.from({ length: Math.log2(MOST_RANKS) + 1 }, (_, i) => 2 ** i);
/** Assumed: a switch holds 4 MB for a port, and every sender has 64 KiB on the way. */
const INCAST_SENDERS = 64;

/** Something that stops going well. */
export interface Limit {
  what: string;
  /** Ranks at which it does; undefined where it never does. */
  ranks: number | undefined;
}

/** What changes with the model alone, by number of ranks in powers of two. */
export function limitsOfModel(sized: SizedModel): Limit[] {
  const { sequenceLen } = sized.model.config;
  const imbalance = (N: number) => {
    const { most, mean } = muonFlops(sized, N);
    return most / mean;
  };
  const first = firstOf((N) => imbalance(N) > 1.5);
  return [
    {
      what: "more ranks than a step has rows of 2,048 tokens: refused",
      ranks: firstOf((N) => STEP_TOKENS % (N * sequenceLen) !== 0),
    },
    {
      what: "does not divide a token table's rows, as no number does that is not a power of two: " +
        "refused",
      ranks: Array.from({ length: 64 }, (_, i) => i + 1).find((N) => !canShare(sized, N)),
    },
    {
      what: `one rank has ${first ? imbalance(first).toFixed(1) : ""} times the mean of Muon's ` +
        "work: a group has fewer matrices than there are ranks",
      ranks: first,
    },
  ];
}

/**
 * What changes with the machine too.
 *
 * @param device One that counts.
 * @param rowsOf Rows of a micro-batch, by the number of ranks.
 */
export async function limitsOfMachine(
  device: Hardware,
  machine: Machine,
  sized: SizedModel,
  rowsOf: (worldSize: number) => Promise<number>,
): Promise<Limit[]> {
  const { ranksPerHost, hostMemory, deviceMemory } = machine;
  const sizes = SIZES.filter((N) => possible(sized, N));
  const first = async (is: (worldSize: number) => Promise<boolean>) => {
    for (const N of sizes) if (await is(N)) return N;
  };
  const isTalk = (reduceType: ReduceType) =>
    first(async (worldSize) => {
      const rows = await rowsOf(worldSize);
      return stepTime(machine, sized, { worldSize, rows, reduceType }).share > 0.5;
    });
  const held = (N: number) => deviceBytes(device, machine, sized, N, 1);
  const fitting = await first(async (N) => await held(N) <= deviceMemory);
  const onHost = async (N: number) =>
    Math.min(N, ranksPerHost) * (hostBytes(sized, N) + (machine.overlaps ? 0 : await held(N)));
  return [
    {
      what: "communication is more than half of a step, float32",
      ranks: await isTalk("float32"),
    },
    {
      what: "communication is more than half of a step, bfloat16",
      ranks: await isTalk("bfloat16"),
    },
    {
      what: fitting
        ? "fewer ranks have no room for a row each on their devices"
        : "no number of ranks makes room for a row on a rank's device",
      ranks: fitting === 1 ? undefined : fitting ?? 1,
    },
    {
      what: "a host has no memory for its ranks and what they hand over",
      ranks: await first(async (N) => await onHost(N) > hostMemory),
    },
    {
      what: `incast: ${INCAST_SENDERS} streams and more reach one host at once`,
      ranks: firstOf((N) =>
        N > ranksPerHost && (N - ranksPerHost) * ranksPerHost >= INCAST_SENDERS
      ),
    },
  ];
}

/** Whether a run with so many ranks begins. */
export function possible(sized: SizedModel, worldSize: number): boolean {
  return STEP_TOKENS % (worldSize * sized.model.config.sequenceLen) === 0 &&
    canShare(sized, worldSize);
}

function canShare({ groups }: SizedModel, worldSize: number): boolean {
  try {
    stretchesOf(groups, 0, worldSize);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

const firstOf = (is: (worldSize: number) => boolean) => SIZES.find(is);
