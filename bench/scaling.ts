/**
 * How training would go on 1 to 64 ranks, on paper and by simulation: nanochat's d12, d20 and d32 at
 * its batch, 524,288 tokens a step in rows of 2,048.
 *
 *     deno run -A bench/scaling.ts > bench/scaling.md
 *
 * It takes some three minutes, needs an MPI (Debian: `openmpi-bin`), and prints Markdown. What can be
 * measured here is: the speed of a training step (the shipped model's), of the host's copies and
 * sums, and of MPI between two ranks. What cannot stands in bench/scaling/machines.ts, as an
 * assumption. At the end the model's bytes and times are compared with a real exchange of 2, 4 and 8
 * ranks.
 *
 * The model of a step:
 * - Computing: tokens of a rank · floating-point operations a token / the measured speed, and Muon's
 *   operations of the rank that owns most matrices. AdamW's are left out.
 * - Messages: sizes come from the parameters and from who owns what of them
 *   (lib/optim/sharded/ownership.ts). Gradients of token tables go as touched rows where that is
 *   less; how many are touched is Zipf's law (bench/scaling/tokens.ts). Values come back in float32,
 *   whole. A collective takes as long as its busiest rank: bytes / bandwidth + ranks · latency. Every
 *   rank sends to every other directly, and those of a host share its network.
 * - The host, on one core: gradients are copied from the device and into messages, added up by their
 *   owner, for bfloat16 rounded and widened; values are copied from and to the device.
 * - What overlaps: on a GPU a bucket (the output layer; each block; the rest) goes over while the
 *   blocks before it compute their gradients, in the last micro-batch only, since only there
 *   gradients are final. What is left after the backward pass counts, and so does all of the gather
 *   of the values: nothing is computed meanwhile. On the CPU device nothing overlaps: its threads
 *   take all cores.
 * - Memory: the device's is counted by one that only counts, as before a run; the host's are the
 *   gradients and their messages, at the worst all of them at once.
 */
import { createCpuDevice } from "../lib/device/cpu/mod.ts";
import type { Hardware } from "../lib/device/mod.ts";
import { formatMemory } from "../lib/training/memory_table.ts";
import "./plain_errors.ts";
import { type Limit, limitsOfMachine, limitsOfModel, possible } from "./scaling/limits.ts";
import { type Machine, machines } from "./scaling/machines.ts";
import { table } from "./scaling/markdown.ts";
import { measure } from "./scaling/measure.ts";
import { deviceBytes, hostBytes, mostRows } from "./scaling/memory.ts";
import { configOf, type SizedModel, sizedModel } from "./scaling/model.ts";
import { simulation } from "./scaling/simulate.ts";
import { STEP_TOKENS, stepTime } from "./scaling/step.ts";
import { distinctTokens } from "./scaling/tokens.ts";

const RANKS = [1, 2, 4, 8, 16, 32, 64];
const DEPTHS = [12, 20, 32];
/** nanochat's rows of a micro-batch at most. */
const MOST_ROWS = 32;

const { measured, link, real } = await measure();
const cpu = await createCpuDevice({ threads: 1 });
const counting = cpu.counting();
const models = DEPTHS.map((depth) => sizedModel(counting, configOf(depth)));
const compared = machines(measured);

/** Prints blocks of Markdown, a blank line before each. */
const print = (...blocks: string[]) => blocks.forEach((block) => console.log(`\n${block}`));

console.log("# Several ranks, on paper");
print(
  "`deno run -A bench/scaling.ts > bench/scaling.md`; the script's preface says what is computed how.",
);
print("## What was measured and what is assumed");
print(
  table(["here", "", "how"], [
    ["training, one rank", rate(measured.flops, "FLOP"), `d4, ${measured.threads} threads`],
    ["MPI, exchange", rate(link.bytes / link.exchange, "B"), "32 MB each way, 2 ranks"],
    ["MPI, gather", rate(link.bytes / link.gather, "B"), "the same"],
    ["MPI, a byte", `${(1e6 * link.latency).toFixed(0)} µs`, "a collective of 2 ranks"],
    ["device to host", rate(4 * measured.copying, "B"), "32 MB of the CPU device"],
    ["sums of float32", rate(measured.host.adding, "adds"), "8 million, one core"],
    ["rounding to bfloat16", rate(measured.host.rounding, "numbers"), "the same"],
    ["widening bfloat16", rate(measured.host.widening, "numbers"), "the same"],
    [
      `distinct of ${real.tokens} tokens`,
      `${real.distinct}`,
      `the shipped samples; Zipf's law: ${distinctTokens(real.tokens, real.rows, 1)[0].toFixed(0)}`,
    ],
  ]),
);
print(table(
  ["machine", "a rank", "ranks a host", "device", "host", "network", "device to host", "which"],
  compared.map((machine) => [
    machine.name,
    rate(machine.flops, "FLOP"),
    `${machine.ranksPerHost}`,
    formatMemory(machine.deviceMemory),
    formatMemory(machine.hostMemory),
    rate(machine.network.bandwidth, "B"),
    rate(4 * machine.copying, "B"),
    machine.source,
  ]),
));

for (const machine of compared) {
  print(`## ${capital(machine.name)}`);
  for (const sized of models) await stepsOf(counting, machine, sized);
}

print("## What breaks first");
print("Ranks are tried in powers of two up to 1,024. A limit that does not come is left out.");
for (const sized of models) {
  print(`### ${sized.name}`);
  print(limits(limitsOfModel(sized)));
  for (const machine of compared) {
    const rowsOf = async (N: number) => await rowsFor(counting, machine, sized, N) || 1;
    const list = await limitsOfMachine(counting, machine, sized, rowsOf);
    print(`${capital(machine.name)}:`, limits(list));
  }
}

print("## The model beside a real exchange");
print(await simulation(counting, measured));
await cpu.close();

/** A model's steps on a machine, as a table. */
async function stepsOf(device: Hardware, machine: Machine, sized: SizedModel): Promise<void> {
  print(`### ${sized.name}, ${(sized.model.counts.total / 1e6).toFixed(0)} million parameters`);
  const alone = stepTime(machine, sized, { worldSize: 1, rows: 1, reduceType: "float32" });
  const lines: string[][] = [];
  for (const worldSize of RANKS.filter((N) => possible(sized, N))) {
    const fitting = await rowsFor(device, machine, sized, worldSize), rows = fitting || 1;
    const [full, half] = (["float32", "bfloat16"] as const).map((reduceType) =>
      stepTime(machine, sized, { worldSize, rows, reduceType })
    );
    lines.push([
      `${worldSize}`,
      `${rows}${fitting ? "" : " (too many)"}`,
      seconds(full.computing),
      seconds(full.exchange),
      seconds(full.gather),
      seconds(full.total),
      percent(full.share),
      `${seconds(half.total)} (${percent(half.share)})`,
      `${(alone.total / full.total).toFixed(1)}`,
      formatMemory(full.bytes),
      formatMemory(await deviceBytes(device, machine, sized, worldSize, rows)),
      formatMemory(hostBytes(sized, worldSize)),
    ]);
  }
  print(table(
    [
      "ranks",
      "rows",
      "computing, s",
      "exchange, s",
      "gather, s",
      "step, s",
      "communication",
      "bfloat16: step, s",
      "times one rank",
      "sent a step",
      "device",
      "host",
    ],
    lines,
  ));
}

/** Rows of a micro-batch: nanochat's, or as many as a step has for each rank or its device holds. */
function rowsFor(
  device: Hardware,
  machine: Machine,
  sized: SizedModel,
  worldSize: number,
): Promise<number> {
  const most = Math.min(MOST_ROWS, STEP_TOKENS / sized.model.config.sequenceLen / worldSize);
  return mostRows(device, machine, sized, worldSize, Math.max(1, most));
}

function limits(list: readonly Limit[]): string {
  const coming = list.filter(({ ranks }) => ranks !== undefined)
    .sort((a, b) => a.ranks! - b.ranks!);
  return table(["ranks", "what"], coming.map(({ ranks, what }) => [`${ranks}`, what]));
}

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

function seconds(time: number): string {
  return time >= 100 ? time.toFixed(0) : time.toPrecision(3);
}

/** A rate of something a second. */
function rate(perSecond: number, unit: string): string {
  const [scale, letter] = perSecond < 1e12 ? [1e9, "G"] : [1e12, "T"];
  return `${Number((perSecond / scale).toPrecision(3))} ${letter}${unit}/s`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}
