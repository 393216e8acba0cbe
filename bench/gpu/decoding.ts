/** Writing text: tokens a second, and what share of the memory's bandwidth that takes. */
import { Engine } from "../../lib/engine/mod.ts";
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import { webGpuOf, type WebGpuProvider } from "../../lib/device/webgpu/provider.ts";
import { bytesOf } from "../../lib/device/tensor.ts";
import { type ComputeType, GPT, windowSizes } from "../../lib/model/mod.ts";
import { benchConfig, fillAtRandom, madeUpTokens } from "./models.ts";
import type { Row, Settings } from "./part.ts";

/** No token ends a text. */
const NO_TOKENIZER = { bosId: -1, encodeSpecial: () => -1, encode: () => [], decode: () => "" };

/** Texts at a time. */
const BATCHES = [1, 8, 64];

/** Writes text with weights and caches of a type. */
export async function* decoding(
  provider: WebGpuProvider,
  dtype: ComputeType,
  settings: Settings,
): AsyncGenerator<Row> {
  const device = await createWebGpuDevice({ gpu: await webGpuOf(provider) });
  const config = benchConfig(settings);
  const model = new GPT(device, config, { dtype, weights: dtype });
  await fillAtRandom(model);
  const promptTokens = config.sequenceLen / 2;
  const prompt = [...madeUpTokens(promptTokens, config.vocabSize)];
  const engine = new Engine(model, NO_TOKENIZER);
  const maxTokens = settings.short ? 16 : 128;
  for (const B of settings.short ? [1] : BATCHES) {
    const secondsOf = async () => {
      const start = performance.now();
      const options = { temperature: 1, topK: 50, maxTokens };
      await engine.generateBatch(Array<number[]>(B).fill(prompt), options);
      return (performance.now() - start) / 1000;
    };
    // The first warms up, and reads the prompt, which the second finds read.
    await secondsOf();
    const rate = maxTokens / await secondsOf(), tokens = promptTokens + maxTokens / 2;
    yield {
      by: provider,
      dtype,
      batch: B,
      "tokens/s": B * rate,
      "ms a token": 1000 / rate,
      "GB/s": rate * (weightBytes(model) + B * cacheBytes(model, tokens)) /
        1e9,
    };
  }
  engine.free();
  await device.close();
}

/** What is read of the weights for a token: all but the tables, of which that is a row. */
function weightBytes({ parameters }: GPT): number {
  const read = [...parameters.values()].filter(({ kind }) =>
    kind !== "wte" && kind !== "valueEmbeds" && kind !== "bigramEmbed"
  );
  return read.reduce((sum, { value: { size, dtype } }) => sum + size * bytesOf(dtype), 0);
}

/** What is read of the cache for a token after so many. */
function cacheBytes({ config, parts, kept }: GPT, tokens: number): number {
  const { nKvHead, nEmbd, nHead } = config;
  const seen = windowSizes(config, parts.windows).map((window) => Math.min(window + 1, tokens));
  const row = 2 * nKvHead * nEmbd / nHead * bytesOf(kept.activations);
  return row * seen.reduce((sum, each) => sum + each, 0);
}
