/** Gradients of touched rows alone train to the bits of gradients of all rows, in less memory. */
import { assertEquals, assertLess } from "@std/assert";
import type { Device } from "../../lib/device/mod.ts";
import { beginStep, GPT, NEWEST_PARTS, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { devices } from "../device/devices.ts";

const config = {
  sequenceLen: 16,
  vocabSize: 200,
  nLayer: 2,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};
const T = 16, B = 1;
/** Two steps of two micro-batches each, which share some tokens. */
const STEPS = [[3, 7], [5, 1]].map((step) =>
  step.map((factor) => Int32Array.from({ length: B * T }, (_, i) => factor * i * i % 199))
);

/** The parameters after the steps, and what the device held. */
async function train(device: Device, bigram: boolean, stepTokens?: number) {
  const before = device.memory.used;
  const parts = { ...NEWEST_PARTS, bigram };
  const model = new GPT(device, config, { parts, training: true, stepTokens });
  await model.load((name, start, count) => {
    const value = (_: unknown, i: number) => Math.sin(start + i + name.length) / 4;
    return Promise.resolve(Float32Array.from({ length: count }, value));
  });
  const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, rates);
  const optimizer = new Optimizer(device, groups);
  const pass = new Pass(model, B, T, { training: true });
  const loss = device.allocate("loss", [1]);
  const used = device.memory.used - before;
  for (const batches of STEPS) {
    beginStep(model, batches, { T });
    for (const [i, x] of batches.entries()) {
      pass.batch.write(x, x);
      if (i === 0) model.zeroGradients();
      pass.train(loss, 0.5);
    }
    optimizer.step(1, 0.9, loss);
  }
  const values: (Float32Array | Int32Array)[] = [];
  for (const { value } of model.parameters.values()) values.push(await device.read(value));
  for (const owner of [model, optimizer, pass]) owner.free();
  device.free(loss);
  return { values, used };
}

for (const { name, device } of devices) {
  Deno.test(
    `${name}: gradients of touched rows are those of all`,
    { ignore: !device },
    async () => {
      for (const bigram of [false, true]) {
        const all = await train(device!, bigram);
        const touched = await train(device!, bigram, 2 * B * T);
        assertEquals(touched.values, all.values);
        assertLess(touched.used, all.used);
      }
    },
  );
}
