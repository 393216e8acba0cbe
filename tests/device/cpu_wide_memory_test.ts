/** The CPU device computes the same bits wherever its tensors lie, beyond 4 GiB too. */
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { CpuMemory } from "../../lib/device/cpu/memory.ts";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import type { Device, Tensor } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT, initialParameters, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { randomNumbers } from "./check_operation.ts";
import { freshPass } from "../model/fresh_pass.ts";

const GIB = 2 ** 30;

const config = {
  sequenceLen: 96,
  vocabSize: 1000,
  nLayer: 3,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 64,
  windowPattern: "SL",
};
const B = 2, T = 96;

/** Two steps of training, then generation of a few tokens: what all kernels together give. */
async function results(device: Device): Promise<Map<string, Float32Array>> {
  const model = new GPT(device, config, { training: true });
  await model.load(initialParameters(config, 1));
  const pass = new Pass(model, B, T, { training: true }), loss = device.allocate("loss", [1]);
  const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, rates);
  const optimizer = new Optimizer(device, groups);
  const next = randomNumbers(1);
  const ids = Int32Array.from({ length: B * T }, () => Math.floor(next() * config.vocabSize));
  const found = new Map<string, Float32Array>();
  const keep = async (name: string, tensor: Tensor) =>
    void found.set(name, await device.read(tensor) as Float32Array);
  for (const step of [1, 2]) {
    pass.batch.write(ids, ids.map((id) => (id + 1) % config.vocabSize));
    model.zeroGradients();
    device.zero({ x: loss });
    pass.train(loss, 1);
    optimizer.step(1, 0.9, loss);
    await keep(`loss of step ${step}`, loss);
  }
  for (const { name, value } of model.parameters.values()) await keep(name, value);
  const cached = freshPass(model, B, T + 3, T);
  device.write(cached.ids, ids);
  for (const [i, length] of [T, 1, 1].entries()) {
    cached.forward(length);
    await keep(`logits after ${T + i} tokens`, cached.logits());
  }
  return found;
}

Deno.test("tensors beyond 4 GiB give the bits of those below", async () => {
  const below = await createCpuDevice({ threads: 2 });
  const beyond = await createCpuDevice({ threads: 2 });
  // Never touched: the system gives it no memory.
  const fillers = [0, 1, 2, 3].map((i) => beyond.allocate(`filler ${i}`, [GIB / 4]));
  assertGreater(beyond.memory.used, 4 * GIB - 1);
  const expected = await results(below);
  for (const [name, values] of await results(beyond)) {
    assertEquals(values, expected.get(name), name);
    assert(values.every(Number.isFinite), name);
  }
  // What is freed below is zeroed and used again.
  beyond.free(fillers[0]);
  const again = beyond.allocate("again", [1000]);
  assertEquals(await beyond.read(again), new Float32Array(1000));
  for (const device of [below, beyond]) await device.close();
});

Deno.test("what a wide memory does not hold is refused with the limit that it has", () => {
  const memory = new CpuMemory(64);
  memory.allocate("weights", 5 * GIB);
  const error = assertThrows(() => memory.allocate("logits", 12 * GIB), UserError);
  assertEquals(
    error.message,
    "The CPU device cannot hold logits (12288 MiB): with it 17408 MiB are needed and 16384 MiB is " +
      "the most it has",
  );
  assertEquals((error.detail as { limit: number }).limit, 16 * GIB);
});

Deno.test("a tensor with more elements than kernels count is refused", async () => {
  const device = await createCpuDevice({ threads: 1 });
  assertThrows(
    () => device.allocate("a table", [2 ** 16, 2 ** 15]),
    UserError,
    "The CPU device cannot hold a table (8192 MiB): no tensor can have more than 2147483647 elements",
  );
  await device.close();
});
