/**
 * Decoding speed: tokens per second with the cache, for several batch sizes, and the share of each
 * operation.
 *
 *     deno run -A bench/decode.ts BASE_DIR [--model-tag d4] [--device-type cpu] [--threads 2]
 *       [--weights bfloat16] [--batch 1,8] [--tokens 256]
 *
 * Rows go on from a prompt of 64 tokens; the time of reading it is not counted. What is sampled
 * does not matter: no token ends a row.
 */
import { parseArgs } from "node:util";
import { openDevice } from "../lib/device/mod.ts";
import { Engine } from "../lib/engine/mod.ts";
import type { WeightType } from "../lib/model/mod.ts";
import { openModel } from "../lib/training/mod.ts";
import "./plain_errors.ts";
import { describeShares, profiled } from "./profiled_device.ts";

const PROMPT_TOKENS = 64;

const { values: flags, positionals: [baseDir] } = parseArgs({
  allowPositionals: true,
  options: {
    "model-tag": { type: "string" },
    "device-type": { type: "string", default: "cpu" },
    threads: { type: "string" },
    weights: { type: "string", default: "float32" },
    batch: { type: "string", default: "1,8" },
    tokens: { type: "string", default: "256" },
  },
});
if (!baseDir) {
  console.error("usage: deno run -A bench/decode.ts BASE_DIR [flags]");
  Deno.exit(1);
}

const opened = await openDevice({
  deviceType: flags["device-type"] as "cpu" | "webgpu",
  threads: flags.threads ? Number(flags.threads) : undefined,
});
const { device, shares } = profiled(opened.device);
const tag = flags["model-tag"];
const weights = flags.weights as WeightType;
const { model, tokenizer } = await openModel(device, baseDir, { source: "base", tag, weights });
console.log(`${device.kind}, ${device.name}; ${model.counts.total.toLocaleString()} parameters`);
const endless = {
  bosId: -1,
  encodeSpecial: () => -1,
  encode: () => [],
  decode: () => "",
};
const engine = new Engine(model, endless);
const prompt = Array.from({ length: PROMPT_TOKENS }, (_, i) => (i * 37) % tokenizer.vocabSize);

for (const B of flags.batch.split(",").map(Number)) {
  const prompts = Array<number[]>(B).fill(prompt);
  const options = { temperature: 1, topK: 50, maxTokens: Number(flags.tokens) };
  // The first run warms up.
  for (const last of [false, true]) {
    let start = 0, steps = -1;
    for await (const _ of engine.generate(prompts, options)) {
      if (++steps > 0) continue;
      shares.clear();
      start = performance.now();
    }
    const seconds = (performance.now() - start) / 1000;
    if (!last) continue;
    const rate = (steps * B / seconds).toFixed(0);
    console.log(`batch ${B}: ${rate} tokens/s, ${(1000 * seconds / steps).toFixed(2)} ms a step`);
    for (const line of describeShares(shares)) console.log(`  ${line}`);
  }
}
engine.free();
await device.close();
