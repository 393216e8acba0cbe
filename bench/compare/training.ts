/**
 * Training beside nanochat's own code on the same machine, in one run: the same checkpoint, the same
 * batches, a step in turn.
 *
 *     git clone https://github.com/karpathy/nanochat
 *     deno run -A bench/compare/training.ts BASE_DIR NANOCHAT_DIR [--model-tag d4] [--sft] [--steps 6]
 *
 * The `python3` on the path must have PyTorch 2.5 or later. nanochat compiles its step, for which
 * PyTorch needs a C++ compiler; with TORCHDYNAMO_DISABLE=1 it does without. The losses agree with
 * nanochat of 2026-05 (commit dc54a1a); later, its Muon was changed.
 */
import { parseArgs } from "node:util";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import "../plain_errors.ts";
import { type MicroBatch, openTrainer, RATES, type Trainer } from "../trainer.ts";
import { Python } from "./python.ts";

const { values: flags, positionals: [baseDir, nanochatDir] } = parseArgs({
  allowPositionals: true,
  options: {
    "model-tag": { type: "string" },
    sft: { type: "boolean", default: false },
    steps: { type: "string", default: "6" },
  },
});
if (!nanochatDir) {
  console.error("usage: deno run -A bench/compare/training.ts BASE_DIR NANOCHAT_DIR [flags]");
  Deno.exit(1);
}
const threads = navigator.hardwareConcurrency;

async function open(blas: string) {
  const device = await createCpuDevice({ threads, blas });
  const options = { tag: flags["model-tag"], sft: flags.sft };
  return { name: device.name, trainer: await openTrainer(device, baseDir, options) };
}

const own = await open("off"), withBlas = await open("auto");
const { files, T, tokensPerStep, nextBatches } = own.trainer;
const rates = {
  embedding_lr: RATES.embeddingLr,
  unembedding_lr: RATES.unembeddingLr,
  matrix_lr: RATES.matrixLr,
};
const args = [
  `${import.meta.dirname}/nanochat_steps.py`,
  nanochatDir,
  files.model,
  files.meta,
  JSON.stringify(rates),
];
// Threads of OpenMP and of OpenBLAS stand in each other's way: this is the fastest on two cores.
const nanochat = new Python(args, { openMp: 1, blas: threads }, "inherit");

/** A step of each contender: its mean loss and milliseconds. */
type Step = (batches: MicroBatch[]) => Promise<[loss: number, ms: number]>;

const timed = (trainer: Trainer): Step => async (batches) => {
  const start = performance.now();
  const loss = await trainer.step(batches);
  return [loss, performance.now() - start];
};

const rows = (ids: Int32Array) =>
  Array.from({ length: ids.length / T }, (_, row) => [...ids.subarray(row * T, (row + 1) * T)]);

const nanochatStep: Step = async (batches) => {
  const answer = await nanochat.ask(JSON.stringify(batches.map(({ x, y }) => [rows(x), rows(y)])));
  if (answer === undefined) throw new UserError("nanochat did not train: see above");
  return JSON.parse(answer);
};

const contenders: [name: string, step: Step][] = [
  [own.name, timed(own.trainer)],
  [withBlas.name, timed(withBlas.trainer)],
  ["nanochat", nanochatStep],
];
if (withBlas.name === own.name) contenders.splice(1, 1);

const times = contenders.map(() => [] as number[]);
for (let step = 0; step <= Number(flags.steps); step++) {
  const batches = nextBatches();
  const losses: string[] = [];
  for (const [i, [, train]] of contenders.entries()) {
    const [loss, ms] = await train(batches);
    losses.push(loss.toFixed(4));
    // The first step warms up.
    if (step > 0) times[i].push(ms);
  }
  console.log(`step ${step}: losses ${losses.join(", ")}`);
}
const rate = (ms: number) => `${(tokensPerStep / ms * 1000).toFixed(0).padStart(5)}`;
const sum = (ms: number[]) => ms.reduce((total, x) => total + x, 0);
contenders.forEach(([name], i) => {
  const mean = sum(times[i]) / times[i].length;
  const ratio = sum(times.at(-1)!) / sum(times[i]);
  console.log(
    `${rate(mean)} tokens/s, fastest step ${rate(Math.min(...times[i]))}  ${name}` +
      (name === "nanochat" ? "" : ` (${ratio.toFixed(2)} times as fast as nanochat)`),
  );
});
nanochat.close();
Deno.exit(0);
