/** The model of a step beside a real exchange: 2, 4 and 8 ranks on this machine. */
import type { Hardware } from "../../lib/device/mod.ts";
import { type Machine, machines, type Measured } from "./machines.ts";
import { table } from "./markdown.ts";
import { underMpi } from "./measure.ts";
import { configOf, sizedModel } from "./model.ts";
import type { StepFound } from "./probe.ts";
import { stepTime } from "./step.ts";
import type { ReduceType } from "./traffic.ts";

/** Small enough for eight ranks on one machine. */
const DEPTH = 4;
const TOKENS = 65536;

/** Runs it and gives a table. */
export async function simulation(device: Hardware, measured: Measured): Promise<string> {
  const sized = sizedModel(device, configOf(DEPTH));
  const rows: string[][] = [];
  for (const reduceType of ["float32", "bfloat16"] as const) {
    for (const worldSize of [2, 4, 8]) {
      const expected = stepTime(crowded(measured, worldSize), sized, {
        worldSize,
        rows: 1,
        reduceType,
        tokens: TOKENS,
      });
      const found = await real(worldSize, reduceType);
      const most = (of: (found: StepFound) => number) => Math.max(...found.map(of));
      const bytes = Math.max(most(({ incoming }) => incoming), most(({ outgoing }) => outgoing));
      rows.push([
        `${worldSize}`,
        reduceType,
        megabytes(expected.bytes),
        megabytes(bytes),
        milliseconds(expected.exchange),
        milliseconds(most(({ exchange }) => exchange)),
        milliseconds(expected.gather),
        milliseconds(most(({ gather }) => gather)),
      ]);
    }
  }
  const millions = (sized.model.counts.total / 1e6).toFixed(0);
  const about =
    `A ${sized.name} of 32,768 tokens, ${millions} million parameters, ${TOKENS} tokens ` +
    "a step drawn by Zipf's law, one thread\na rank; of five steps the fastest, of the ranks the " +
    `slowest. Ranks share ${navigator.hardwareConcurrency} cores, and so their rates.`;
  return `${about}\n\n` + table(
    [
      "ranks",
      "gradients as",
      "sent, paper",
      "sent",
      "exchange, paper",
      "exchange",
      "gather, paper",
      "gather",
    ],
    rows,
  );
}

/** This machine, where so many ranks share its cores. */
function crowded(measured: Measured, worldSize: number): Machine {
  const share = Math.min(1, navigator.hardwareConcurrency / worldSize);
  const { local, copying, host } = measured;
  const [machine] = machines({
    ...measured,
    local: { ...local, bandwidth: share * local.bandwidth },
    copying: share * copying,
    host: {
      adding: share * host.adding,
      rounding: share * host.rounding,
      widening: share * host.widening,
    },
  });
  return { ...machine, ranksPerHost: worldSize };
}

function real(worldSize: number, reduceType: ReduceType): Promise<StepFound[]> {
  return underMpi(worldSize, "step", `${DEPTH}`, `${TOKENS / worldSize}`, reduceType);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function milliseconds(seconds: number): string {
  return `${(1000 * seconds).toFixed(0)} ms`;
}
