/** A step whose loss or gradient is not finite is not applied, on any device. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Device, Tensor } from "../../lib/device/mod.ts";
import { MATMUL_TILES } from "../../lib/device/webgpu/matmul_tile.ts";
import { createWebGpuDevice, findAdapter } from "../../lib/device/webgpu/mod.ts";
import { GPT, initialParameters } from "../../lib/model/mod.ts";
import { AdamW, Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { randomNumbers } from "../device/check_operation.ts";
import { devices } from "../device/devices.ts";
import { preparedGpu } from "../device/prepared_gpu.ts";

const config = {
  sequenceLen: 32,
  vocabSize: 70,
  nLayer: 2,
  nHead: 2,
  nKvHead: 2,
  nEmbd: 32,
  windowPattern: "L",
};
const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };

/** A model with its optimizer and the loss that gradients would be of. */
class Training {
  readonly model: GPT;
  readonly optimizer: Optimizer;
  readonly loss: Tensor;

  constructor(readonly device: Device) {
    this.model = new GPT(device, config, { training: true });
    const groups = parameterGroups([...this.model.parameters.values()], config.nEmbd, rates);
    this.optimizer = new Optimizer(device, groups);
    this.loss = device.allocate("loss", [1]);
  }

  static async create(device: Device): Promise<Training> {
    const training = new Training(device);
    await training.model.load(initialParameters(config, 1));
    return training;
  }

  /** A step whose gradients are those of `seed`, but for one number. */
  step(seed: number, wrong?: { name: string; value: number }): void {
    const next = randomNumbers(seed);
    for (const { name, gradient } of this.model.parameters.values()) {
      const values = Float32Array.from({ length: gradient!.size }, () => next() - 0.5);
      if (name === wrong?.name) values[values.length >> 1] = wrong.value;
      this.device.write(gradient!, values);
    }
    this.device.write(this.loss, Float32Array.of(wrong?.name === "loss" ? wrong.value : 2.5));
    this.optimizer.step(1, 0.9, this.loss);
  }

  /** Everything that a step changes. */
  async state(): Promise<unknown[]> {
    const tensors = [...this.model.parameters.values()].map(({ value }) => value);
    const steps: number[] = [];
    for (const part of this.optimizer.parts) {
      if (part instanceof AdamW) {
        steps.push(part.steps);
        tensors.push(...part.moments.flatMap(({ m, v }) => [m, v]));
      } else {
        tensors.push(...part.stacks.flatMap((stack) => [stack.momentum, stack.secondMomentum]));
      }
    }
    const copies = tensors.map((tensor) => this.device.stage(tensor).values());
    return [...await Promise.all(copies), steps];
  }

  async guard(): Promise<number> {
    return (await this.device.read(this.optimizer.guard))[0];
  }

  free(): void {
    this.model.free();
    this.optimizer.free();
    this.device.free(this.loss);
  }
}

for (const { name, device } of devices) {
  const test = (what: string, run: (device: Device) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, { ignore: device === undefined }, () => run(device!));

  test("a loss or gradient that is not finite changes nothing", async (device) => {
    const training = await Training.create(device);
    training.step(1);
    assertEquals(await training.guard(), 0);
    const before = await training.state();
    const names = ["loss", ...training.model.parameters.keys()];
    for (const [i, name] of names.entries()) {
      training.step(2, { name, value: [NaN, Infinity, -Infinity][i % 3] });
      assertEquals(await training.guard(), 1, name);
      training.optimizer.takeBack(1);
      assertEquals(await training.state(), before, name);
      device.zero({ x: training.optimizer.guard });
    }
    training.free();
  });

  test("steps after it are not applied either, until the guard is zeroed", async (device) => {
    const [disturbed, plain] = [await Training.create(device), await Training.create(device)];
    for (const training of [disturbed, plain]) training.step(1);
    disturbed.step(2, { name: "lm_head.weight", value: NaN });
    disturbed.step(3);
    assertEquals(await disturbed.guard(), 1);
    assertNotEquals(await disturbed.state(), await plain.state()); // it counted three steps
    disturbed.optimizer.takeBack(2);
    assertEquals(await disturbed.state(), await plain.state());
    device.zero({ x: disturbed.optimizer.guard });
    for (const training of [disturbed, plain]) training.step(4);
    assertEquals(await disturbed.guard(), 0);
    assertEquals(await disturbed.state(), await plain.state());
    for (const training of [disturbed, plain]) training.free();
  });

  test("numbers at the end of what float32 holds are no reason to stop", async (device) => {
    const training = await Training.create(device);
    training.step(1, { name: "lm_head.weight", value: 3.4e38 });
    assertEquals(await training.guard(), 0);
    const [parameter] = await training.state();
    assert((parameter as Float32Array).every(Number.isFinite));
    training.free();
  });
}

Deno.test("webgpu: the guard costs no submission", { ignore: !await findAdapter() }, async () => {
  let submissions = 0;
  const gpu = preparedGpu(({ queue }) => {
    const submit = queue.submit.bind(queue);
    queue.submit = (buffers) => (submissions++, submit(buffers));
  });
  const device = await createWebGpuDevice({ gpu, matmulTile: MATMUL_TILES[0], maxWork: Infinity });
  const training = await Training.create(device);
  training.step(1);
  device.submit();
  const before = submissions;
  training.optimizer.step(1, 0.9, training.loss);
  const copies = [training.loss, training.optimizer.guard].map((tensor) => device.stage(tensor));
  device.submit();
  assertEquals(submissions - before, 1);
  const [loss, guard] = await Promise.all(copies.map((copy) => copy.values()));
  assertEquals([loss[0], guard[0]], [2.5, 0]);
  await device.close();
});
