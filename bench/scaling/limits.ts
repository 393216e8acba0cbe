/** What breaks first when ranks are added, and at how many. */
import type { Hardware } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { stretchesOf } from "../../lib/optim/sharded/ownership.ts";
import type { Machine } from "./machines.ts";
import { rankMemory } from "./memory.ts";
import type { SizedModel } from "./model.ts";
import { STEP_TOKENS, stepTime } from "./step.ts";
import { muonFlops, trafficOf } from "./traffic.ts";

/** As far as is looked. */
const MOST_RANKS = 1024;
const SIZES = Array.from({ length: Math.log2(MOST_RANKS) + 1 }, (_, i) => 2 ** i);
/** One count of MPI is an `int`, of bytes. */
const MOST_COUNTED = 2 ** 31 - 1;
/** Assumed: a switch holds 4 MB for a port, and every sender has 64 KiB on the way. */
const INCAST_SENDERS = 64;

/** Something that stops going well. */
export interface Limit {
  what: string;
  /** Ranks at which it does; undefined: not up to {@link MOST_RANKS}. */
  ranks: number | undefined;
}

/** What changes with the model alone, by number of ranks in powers of two. */
export function limitsOfModel(sized: SizedModel): Limit[] {
  const { sequenceLen } = sized.model.config;
  const imbalance = (N: number) => {
    const { most, mean } = muonFlops(sized, N);
    return most / mean;
  };
  const first = SIZES.find((N) => imbalance(N) > 1.5);
  return [
    {
      what: "more ranks than a step has rows of 2,048 tokens: refused",
      ranks: firstOf((N) => STEP_TOKENS % (N * sequenceLen) !== 0),
    },
    {
      what: "a token table's rows cannot be divided: refused",
      ranks: firstOf((N) => !canShare(sized, N)),
    },
    {
      what: "the same for numbers that are no power of two",
      ranks: Array.from({ length: 64 }, (_, i) => i + 1).find((N) => !canShare(sized, N)),
    },
    {
      what: "one rank's part of Muon is 1.5 times the mean: a group has too few matrices" +
        (first ? ` (${imbalance(first).toFixed(1)} times there)` : ""),
      ranks: first,
    },
    {
      what:
        "what a rank gets of another's values is within one MPI call's count (2 GiB) from here " +
        "on; before, a call is cut",
      ranks: firstOf((N) => canShare(sized, N) && mostOwned(sized, N) <= MOST_COUNTED),
    },
  ];
}

/** What changes with the machine too. */
export function limitsOfMachine(
  device: Hardware,
  machine: Machine,
  sized: SizedModel,
  rowsOf: (worldSize: number) => number,
): Limit[] {
  const { ranksPerHost, hostMemory, deviceMemory } = machine;
  const shareAt = (reduceType: "float32" | "bfloat16") =>
    firstOf((worldSize) =>
      possible(sized, worldSize) &&
      stepTime(machine, sized, { worldSize, rows: rowsOf(worldSize), reduceType }).share > 0.5
    );
  const device1 = (N: number) => rankMemory(device, sized, N, 1).device;
  return [
    { what: "communication takes more than half of a step, float32", ranks: shareAt("float32") },
    { what: "the same with bfloat16", ranks: shareAt("bfloat16") },
    {
      what: "a rank's device holds the model with one row from here on",
      ranks: firstOf((N) => possible(sized, N) && device1(N) <= deviceMemory),
    },
    {
      what: "a host's memory is full of what its ranks hand over",
      ranks: firstOf((N) =>
        possible(sized, N) &&
        Math.min(N, ranksPerHost) *
              (rankMemory(device, sized, N, 0).host +
                (machine.overlaps ? 0 : rankMemory(device, sized, N, 1).device)) > hostMemory
      ),
    },
    {
      what: "incast: as many streams reach one host at once as fill a switch's buffer",
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

/** Bytes of the values that the first rank owns, and hands to all others. */
function mostOwned(sized: SizedModel, worldSize: number): number {
  if (worldSize === 1) return Infinity;
  const { outgoing } = trafficOf(sized, worldSize, 1, "float32").gather;
  return Math.max(...outgoing) / (worldSize - 1);
}

const firstOf = (is: (worldSize: number) => boolean) => SIZES.find(is);
