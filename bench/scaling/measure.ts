/** What this machine does: a training step, copies and sums of a host, and MPI between two ranks. */
import { fromFileUrl } from "@std/path";
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../lib/bfloat16.ts";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { placeDemo } from "../../lib/sft/mod.ts";
import { openTrainer } from "../trainer.ts";
import type { Measured } from "./machines.ts";

/** Numbers that copies and sums are measured with: 32 MB. */
const NUMBERS = 8 << 20;
const ROUNDS = 5;
const STEPS = 3;

/** What two ranks measured of the way between them. */
export interface LinkTimes {
  /** Seconds in which each hands the other 32 MB. */
  exchange: number;
  /** The same as a gather. */
  gather: number;
  /** Of a collective of a byte. */
  latency: number;
  bytes: number;
}

/** Distinct tokens of a step of real text. */
export interface RealTokens {
  tokens: number;
  rows: number;
  distinct: number;
}

/** Measures all of it; takes about half a minute. The best of several times counts. */
export async function measure(): Promise<
  { measured: Measured; link: LinkTimes; real: RealTokens }
> {
  const threads = navigator.hardwareConcurrency;
  const device = await createCpuDevice({ threads });
  const baseDir = await Deno.makeTempDir();
  let flops: number, real: RealTokens;
  try {
    const trainer = await openTrainer(device, await placeDemo(baseDir), { sft: false });
    const { model, tokensPerStep } = trainer;
    const seconds = await best(STEPS, async () => {
      await trainer.step(trainer.nextBatches());
    });
    flops = tokensPerStep * model.flopsPerToken / seconds;
    const distinct = new Set(trainer.nextBatches().flatMap(({ x }) => [...x])).size;
    real = { tokens: tokensPerStep, rows: model.config.vocabSize, distinct };
  } finally {
    await Deno.remove(baseDir, { recursive: true });
  }
  const tensor = device.allocate("numbers", [NUMBERS]);
  const copying = NUMBERS / await best(ROUNDS, () => device.read(tensor));
  await device.close();

  const numbers = new Float32Array(NUMBERS).fill(1), sum = new Float32Array(NUMBERS);
  const adding = NUMBERS / await best(ROUNDS, () => {
    for (let i = 0; i < sum.length; i++) sum[i] += numbers[i];
  });
  const rounding = NUMBERS / await best(ROUNDS, () => float32ToBfloat16(numbers));
  const rounded = float32ToBfloat16(numbers);
  const widening = NUMBERS / await best(ROUNDS, () => bfloat16ToFloat32(rounded));

  const [link] = await underMpi<LinkTimes>(2, "link");
  const local = {
    bandwidth: 2 * link.bytes / (link.exchange + link.gather),
    latency: link.latency,
  };
  const memory = Deno.systemMemoryInfo().total;
  const host = { adding, rounding, widening };
  const measured = { flops, threads, local, copying, host, memory };
  return { measured, link, real };
}

/**
 * Runs `probe.ts` on several ranks of this machine.
 *
 * @param what Of what it does, and its arguments.
 * @returns What each rank found, in the order of the ranks.
 * @throws {UserError} where there is no MPI, or it failed.
 */
export async function underMpi<Found>(worldSize: number, ...what: string[]): Promise<Found[]> {
  const probe = fromFileUrl(new URL("probe.ts", import.meta.url));
  const mpirun = ["--bind-to", "none", "--oversubscribe", "-n", `${worldSize}`];
  const command = new Deno.Command("mpirun", {
    args: [...mpirun, Deno.execPath(), "run", "-A", probe, ...what],
    env: { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" },
    stdin: "null",
  });
  const { success, stdout, stderr } = await command.output().catch(() => {
    throw new UserError("mpirun did not start; Debian and Ubuntu: apt-get install openmpi-bin");
  });
  const text = new TextDecoder();
  if (!success) throw new UserError(`mpirun failed: ${text.decode(stderr).trim()}`);
  return JSON.parse(text.decode(stdout));
}

/** The fewest seconds of several runs, after one that warms up. */
export async function best(rounds: number, run: () => unknown): Promise<number> {
  let fewest = Infinity;
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now();
    await run();
    if (round > 0) fewest = Math.min(fewest, (performance.now() - start) / 1000);
  }
  return fewest;
}
