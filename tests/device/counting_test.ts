/** A device that only counts needs in memory what the real one needs, operation by operation. */
import { assert, assertEquals } from "@std/assert";
import type { Hardware } from "../../lib/device/mod.ts";
import { Engine } from "../../lib/engine/mod.ts";
import { GPT, type ModelConfig, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import { devices, testedGpu } from "./devices.ts";

const SMALL: ModelConfig = {
  sequenceLen: 48,
  vocabSize: 300,
  nLayer: 2,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};
/** Models and batches, of which some make every buffer grow that operations work in. */
const SHAPES: [ModelConfig, number, number][] = [
  [SMALL, 1, 7],
  [SMALL, 3, 48],
  [{ ...SMALL, nLayer: 3, nEmbd: 64, nKvHead: 2, vocabSize: 2000 }, 2, 48],
  [{ ...SMALL, sequenceLen: 260, nLayer: 1, vocabSize: 9000 }, 1, 260],
];

const opened: Record<string, ((threads: number) => Promise<Hardware>) | undefined> = {
  cpu: devices.some(({ name }) => name === "cpu")
    ? (threads) => createCpuDevice({ threads })
    : undefined,
  webgpu: devices.some(({ name, device }) => name === "webgpu" && device)
    ? () => createWebGpuDevice({ gpu: testedGpu })
    : undefined,
};

/** Trains a step, measures and answers, and says what memory it took after each. */
async function use(
  device: Hardware,
  config: ModelConfig,
  B: number,
  T: number,
): Promise<{ used: number; peak: number }[]> {
  const seen: { used: number; peak: number }[] = [];
  const look = () => {
    const { used, peak } = device.memory;
    seen.push({ used, peak });
  };
  const model = new GPT(device, config, { training: true });
  look();
  const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, rates);
  const optimizer = new Optimizer(device, groups);
  look();
  const pass = new Pass(model, B, T, { training: true });
  const loss = device.allocate("loss", [1]);
  look();
  const x = Int32Array.from({ length: B * T }, (_, i) => (i * 7) % config.vocabSize);
  pass.batch.write(x, x);
  model.zeroGradients();
  pass.train(loss, 1);
  optimizer.step(1, 0.9, loss);
  await device.read(loss);
  look();
  const tokenizer = { bosId: 0, encodeSpecial: () => 1, encode: () => [], decode: () => "" };
  const engine = new Engine(model, tokenizer);
  await engine.generateBatch([[2, 3, 4], [2, 3, 4]], { maxTokens: 3, temperature: 0 });
  look();
  for (const part of [engine, pass, optimizer, model]) part.free();
  device.free(loss);
  look();
  return seen;
}

for (const [name, open] of Object.entries(opened)) {
  for (const [config, B, T] of SHAPES) {
    const { nEmbd, vocabSize } = config;
    const what = `${B} x ${T} tokens, ${nEmbd} channels, ${vocabSize} tokens`;
    Deno.test(`${name} counts what it then takes: ${what}`, { ignore: !open }, async () => {
      for (const threads of name === "cpu" ? [1, 3] : [1]) {
        const device = await open!(threads);
        const before = device.memory;
        const counted = await use(device.counting(), config, B, T);
        assertEquals(device.memory, before);
        const taken = await use(device, config, B, T);
        // A GPU's first device has measured its matrix products before.
        assertEquals(
          counted.map(({ used, peak }) => ({ used, peak: Math.max(peak, before.peak) })),
          taken,
        );
        assert(counted[3].used > counted[2].used);
        await device.close();
      }
    });
  }
}
