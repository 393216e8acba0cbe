/**
 * Training speed: tokens per second, peak memory and the share of each operation.
 *
 *     deno run -A bench/train.ts BASE_DIR [--model-tag d4] [--device-type cpu] [--threads 2]
 *       [--blas auto] [--steps 6] [--sft]
 *
 * Trains a checkpoint of BASE_DIR on batches of its own mixture: 8192 tokens a step with every
 * target counted, as in pretraining, or with --sft 4096 tokens a step with the masks of
 * fine-tuning. The first step warms up and is not counted.
 */
import { parseArgs } from "node:util";
import { openDevice } from "../lib/device/mod.ts";
import "./plain_errors.ts";
import { describeShares, profiled } from "./profiled_device.ts";
import { openTrainer } from "./trainer.ts";

const { values: flags, positionals: [baseDir] } = parseArgs({
  allowPositionals: true,
  options: {
    "model-tag": { type: "string" },
    "device-type": { type: "string", default: "cpu" },
    threads: { type: "string" },
    blas: { type: "string", default: "off" },
    steps: { type: "string", default: "6" },
    sft: { type: "boolean", default: false },
  },
});
if (!baseDir) {
  console.error("usage: deno run -A bench/train.ts BASE_DIR [flags]");
  Deno.exit(1);
}

const opened = await openDevice({
  deviceType: flags["device-type"] as "cpu" | "webgpu",
  threads: flags.threads ? Number(flags.threads) : undefined,
  blas: flags.blas,
});
const { device, shares } = profiled(opened.device);
const trainer = await openTrainer(device, baseDir, { tag: flags["model-tag"], sft: flags.sft });
const { model, micros, B, T, tokensPerStep } = trainer;
console.log(`${device.kind}: ${device.name}; ${micros} x ${B} x ${T} tokens a step`);

const steps = Number(flags.steps);
let elapsed = 0, fastest = Infinity;
for (let step = 0; step <= steps; step++) {
  const start = performance.now();
  const loss = await trainer.step(trainer.nextBatches());
  const ms = performance.now() - start;
  console.log(`step ${step}: loss ${loss.toFixed(4)}, ${ms.toFixed(0)} ms`);
  if (step === 0) {
    shares.clear();
    continue;
  }
  elapsed += ms;
  fastest = Math.min(fastest, ms);
}
const rate = steps * tokensPerStep / elapsed * 1000;
console.log(
  `${rate.toFixed(0)} tokens/s, ${(rate * model.flopsPerToken / 1e9).toFixed(1)} GFLOP/s; ` +
    `the fastest step made ${(tokensPerStep / fastest * 1000).toFixed(0)} tokens/s`,
);
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
console.log(`device memory ${mib(device.memory.peak)}, process ${mib(Deno.memoryUsage().rss)}`);
if (device.kind === "cpu") console.log(describeShares(shares).join("\n"));
await opened.device.close();
