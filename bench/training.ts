/**
 * Trains a model of the d4's shape on batches whose every target counts, as in pretraining, and
 * prints tokens per second, peak memory, and on the CPU the share of each operation.
 *
 *     deno run -A bench/training.ts --device cpu --threads 2 --blas off --steps 3
 *
 * Weights and tokens are random: the speed does not depend on them. `--counted 0.3` counts only
 * that share of the targets, as fine-tuning does.
 */
import { parseArgs } from "node:util";
import { createCpuDevice } from "../lib/device/cpu/mod.ts";
import type { Device } from "../lib/device/mod.ts";
import { createWebGpuDevice } from "../lib/device/webgpu/mod.ts";
import { GPT, type GPTConfig, initialParameters, Pass } from "../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../lib/optim/mod.ts";

const option = (fallback: string) => ({ type: "string", default: fallback }) as const;
const { values: flags } = parseArgs({
  args: Deno.args,
  options: {
    device: option("cpu"),
    threads: option(String(navigator.hardwareConcurrency)),
    blas: option("off"),
    depth: option("4"),
    sequence: option("512"),
    batch: option("16"),
    accumulate: option("1"),
    steps: option("3"),
    counted: option("1"),
  },
});

const depth = Number(flags.depth), T = Number(flags.sequence), B = Number(flags.batch);
const config: GPTConfig = {
  sequenceLen: T,
  vocabSize: 4096,
  nLayer: depth,
  nHead: Math.max(1, depth / 2),
  nKvHead: Math.max(1, depth / 2),
  nEmbd: 64 * depth,
  windowPattern: "SSSL",
};

/** The device with its operations timed, and the milliseconds of each so far. */
function timed(device: Device): { device: Device; times: Map<string, number> } {
  const times = new Map<string, number>();
  const entries = Object.entries(Object.getOwnPropertyDescriptors(device)).map(([name, entry]) => {
    const operation = entry.value;
    if (typeof operation !== "function") return [name, entry];
    const value = (...args: unknown[]) => {
      const start = performance.now();
      const result = operation(...args);
      times.set(name, (times.get(name) ?? 0) + performance.now() - start);
      return result;
    };
    return [name, { ...entry, value }];
  });
  return { device: Object.create(null, Object.fromEntries(entries)), times };
}

const opened = flags.device === "webgpu"
  ? await createWebGpuDevice()
  : await createCpuDevice({ threads: Number(flags.threads), blas: flags.blas });
const { device, times } = timed(opened);
const model = new GPT(device, config, { training: true });
await model.load(initialParameters(config, 1));
const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };
const parameters = [...model.parameters.values()];
const optimizer = new Optimizer(device, parameterGroups(parameters, config.nEmbd, rates));
const pass = new Pass(model, B, T, { training: true });
const lossSum = device.allocate("loss", [1]);

const accumulate = Number(flags.accumulate), counted = Number(flags.counted);
const tokens = () => Int32Array.from({ length: B * T }, () => Math.floor(Math.random() * 4096));

async function step(): Promise<number> {
  model.zeroGradients();
  device.zero({ x: lossSum });
  for (let micro = 0; micro < accumulate; micro++) {
    pass.batch.write(tokens(), tokens().map((y) => Math.random() < counted ? y : -1));
    pass.train(lossSum, 1 / accumulate);
  }
  optimizer.step(1, 0.9);
  return (await device.read(lossSum))[0];
}

await step();
times.clear();
const steps = Number(flags.steps), start = performance.now();
let best = Infinity;
for (let i = 0; i < steps; i++) {
  const before = performance.now();
  const loss = await step();
  best = Math.min(best, performance.now() - before);
  if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
}
const elapsed = performance.now() - start, perStep = B * T * accumulate;
const rate = (milliseconds: number) => Math.round(1000 * perStep / milliseconds);
const flops = model.flopsPerToken * rate(elapsed / steps) / 1e9;
console.log(
  `${device.name}: ${rate(elapsed / steps)} tokens/s (best step ${rate(best)}), ` +
    `${flops.toFixed(1)} GFLOP/s, peak ${Math.ceil(device.memory.peak / 2 ** 20)} MiB`,
);
if (device.kind === "cpu") {
  for (const [name, time] of [...times].sort(([, a], [, b]) => b - a)) {
    const share = 100 * time / elapsed;
    if (share >= 0.1) console.log(`${share.toFixed(1).padStart(5)} %  ${name}`);
  }
}
await opened.close();
