/**
 * Two ranks of one thread each beside one process with two threads, on the CPU device: fine-tuning
 * the shipped model on the shipped samples, every conversation once, in turn, since a machine's
 * speed changes from minute to minute.
 *
 *     deno run -A bench/ranks.ts [--rounds 5] [--steps 40] [-- FLAGS…]
 *
 * Both take the same tokens a step, in micro-batches of the same size. The rate is that of all steps
 * after the first ten, as the run's own log has them. It needs an MPI (Debian: `openmpi-bin`). FLAGS
 * go to `sft`, such as `--total-batch-size 8192`; a round takes about two minutes.
 */
import { fromFileUrl, join } from "@std/path";
import { parseArgs } from "node:util";
import { UserError } from "../lib/errors.ts";
import { placeDemo } from "../lib/sft/mod.ts";
import { compare, type Pair } from "./against/figures.ts";
import "./plain_errors.ts";

/** Steps whose time a run does not count. */
const WARMUP_STEPS = 10;
const MPIRUN = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", "2"];

const split = Deno.args.includes("--") ? Deno.args.indexOf("--") : Deno.args.length;
const { values } = parseArgs({
  args: Deno.args.slice(0, split),
  options: {
    rounds: { type: "string", default: "5" },
    steps: { type: "string", default: "40" },
  },
});
const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
if (!(Number.isInteger(rounds) && rounds > 0)) {
  throw new UserError(`--rounds must be a whole number from 1, not ${values.rounds}`);
}
if (!(Number.isInteger(steps) && steps > WARMUP_STEPS)) {
  throw new UserError(`--steps must be a whole number above ${WARMUP_STEPS}, not ${values.steps}`);
}

const flags = [
  ["--device-type", "cpu"],
  ["--num-iterations", `${steps}`],
  ["--device-batch-size", "4"],
  ["--total-batch-size", "4096"],
  // Real text, none of it twice.
  ["--recipe", "newest"],
  ["--mmlu-epochs", "1"],
  ["--gsm8k-epochs", "1"],
  ["--load-optimizer", "0"],
  ["--eval-every", "-1"],
  ["--eval-tokens", "4096"],
  ["--chatcore-every", "-1"],
  Deno.args.slice(split + 1),
].flat();

const temp = await Deno.makeTempDir();
try {
  const baseDir = await placeDemo(temp);
  const pairs: Pair[] = [];
  for (let round = 0; round < rounds; round++) {
    console.log(`round ${round + 1} of ${rounds}`);
    const ranks = () => rate("two ranks of one thread", MPIRUN, 1, baseDir);
    const one = () => rate("one process with two threads", [], 2, baseDir);
    // Whoever comes first may find a cooler machine.
    if (round % 2 === 0) pairs.push({ here: await ranks(), there: await one() });
    else pairs.push({ there: await one(), here: await ranks() });
  }
  for (const { here, there, ratio, least, most } of compare(pairs)) {
    console.log(
      `two ranks ${here.toFixed(0)} tokens/s, one process ${
        there.toFixed(0)
      } tokens/s (medians); ` +
        `ratio ${ratio.toFixed(3)}, ${least.toFixed(3)} to ${most.toFixed(3)}`,
    );
  }
} finally {
  await Deno.remove(temp, { recursive: true });
}

/** Fine-tunes once; gives tokens per second. */
async function rate(
  name: string,
  launcher: string[],
  threads: number,
  baseDir: string,
): Promise<Map<string, number>> {
  const tags = join(baseDir, "chatsft_checkpoints");
  await Deno.remove(tags, { recursive: true }).catch(() => {});
  const script = fromFileUrl(new URL("../mod.ts", import.meta.url));
  const run = ["run", "-A", script, "sft", "--threads", `${threads}`, "--quiet", ...flags];
  const [program, ...args] = [...launcher, Deno.execPath(), ...run];
  const { success, stderr } = await new Deno.Command(program, {
    args,
    env: {
      NANOCHAT_BASE_DIR: baseDir,
      OMPI_ALLOW_RUN_AS_ROOT: "1",
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
    },
    stdin: "null",
    stdout: "null",
  }).output().catch(() => {
    throw new UserError(`${program} did not start; Debian and Ubuntu: apt-get install openmpi-bin`);
  });
  if (!success) throw new UserError(`${name}: ${new TextDecoder().decode(stderr).trim()}`);
  const [tag] = Deno.readDirSync(tags);
  const log = await Deno.readTextFile(join(tags, tag.name, "metrics.jsonl"));
  const lines = log.trim().split("\n").map((line) => JSON.parse(line))
    .filter((line) => "train/dt" in line);
  const last = lines.at(-1);
  if (last.step !== steps) throw new UserError(`${name} ended after step ${last.step}`);
  if (last["train/epoch"] > 1) {
    throw new UserError(`${steps} steps are more than the samples have; give fewer --steps`);
  }
  const tokens = last["train/tok_per_sec"] * last["train/dt"];
  const perSecond = tokens * (steps - WARMUP_STEPS) / last.total_training_time;
  console.log(`  ${name}: ${perSecond.toFixed(0)} tokens/s`);
  return new Map([["tokens/s", perSecond]]);
}
