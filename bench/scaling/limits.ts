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
  const cut = SIZES.findLast((N) => canShare(sized, N) && mostOwned(sized, N) > MOST_COUNTED);
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
    {
      what: "up to here a rank's values are more than one MPI call counts (2 GiB): it is cut",
      ranks: cut,
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
  const held = (N: number) => rankMemory(device, sized, N, 1).device;
  const fitting = firstOf((N) => possible(sized, N) && held(N) <= deviceMemory);
  const onHost = (N: number) =>
    Math.min(N, ranksPerHost) *
    (rankMemory(device, sized, N, 0).host + (machine.overlaps ? 0 : held(N)));
  return [
    { what: "communication is more than half of a step, float32", ranks: shareAt("float32") },
    { what: "communication is more than half of a step, bfloat16", ranks: shareAt("bfloat16") },
    {
      what: fitting
        ? "fewer ranks have no room for a row each on their devices"
        : "no number of ranks makes room for a row on a rank's device",
      ranks: fitting === 1 ? undefined : fitting ?? 1,
    },
    {
      what: "a host has no memory for what its ranks hand over",
      ranks: firstOf((N) => possible(sized, N) && onHost(N) > hostMemory),
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

/** Bytes of the values that the first rank owns, and hands to all others. */
function mostOwned(sized: SizedModel, worldSize: number): number {
  if (worldSize === 1) return Infinity;
  const { outgoing } = trafficOf(sized, worldSize, 1, "float32").gather;
  return Math.max(...outgoing) / (worldSize - 1);
}

const firstOf = (is: (worldSize: number) => boolean) => SIZES.find(is);
