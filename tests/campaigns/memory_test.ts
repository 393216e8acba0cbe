/**
 * Memory stays flat: training steps on each device, with an evaluation, a generation and a reading of
 * all parameters every ten, as runs have them. After the first 50 steps nothing may grow.
 *
 *     deno test -A tests/campaigns/memory_test.ts [-- --long]
 *
 * The short form takes 120 steps, the long one 1,000. What the process holds is measured after the
 * garbage was collected, which the collector puts off as long as it likes.
 */
import v8 from "node:v8";
import vm from "node:vm";
import { assertEquals, assertLess } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import type { Device, Readback } from "../../lib/device/mod.ts";
import { createWebGpuDevice, findAdapter } from "../../lib/device/webgpu/mod.ts";
import { Engine } from "../../lib/engine/mod.ts";
import { GPT, initialParameters, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { sftOptions } from "../../cli/options.ts";
import { runSft, type SftOptions } from "../../lib/sft/mod.ts";
import { preparedGpu } from "../device/prepared_gpu.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { randomNumbers } from "../device/check_operation.ts";

const STEPS = Deno.args.includes("--long") ? 1000 : 120;
const SETTLED = 50;
/** What the process may hold more in the end, in MiB: its allocators keep what was given back. */
const HEAP_ALLOWANCE = 2, RSS_ALLOWANCE = 16;

v8.setFlagsFromString("--expose-gc");
const collectGarbage: () => void = vm.runInNewContext("gc");

const config = {
  sequenceLen: 32,
  vocabSize: 300,
  nLayer: 2,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};
const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };
const [B, T] = [2, 32];

/** What WebGPU holds: things that were made and not given back. */
interface Held {
  buffers: number;
  bindGroups: number;
  pipelines: number;
}

/** WebGPU's device, and a count of what it makes. */
async function countedWebGpu(): Promise<{ device: Device; held: Held }> {
  const held = { buffers: 0, bindGroups: 0, pipelines: 0 };
  const gpu = preparedGpu((gpu) => {
    const { createBuffer, createBindGroup, createComputePipeline } = gpu;
    gpu.createBuffer = (descriptor) => {
      const buffer = createBuffer.call(gpu, descriptor), { destroy } = buffer;
      held.buffers++;
      buffer.destroy = () => (held.buffers--, destroy.call(buffer));
      return buffer;
    };
    gpu.createBindGroup = (
      descriptor,
    ) => (held.bindGroups++, createBindGroup.call(gpu, descriptor));
    gpu.createComputePipeline = (
      descriptor,
    ) => (held.pipelines++, createComputePipeline.call(gpu, descriptor));
  });
  const device = await createWebGpuDevice({ gpu });
  return { device, held };
}

/** MiB of the process. */
interface Process {
  heap: number;
  rss: number;
}

function ofProcess(): Process {
  collectGarbage();
  const { heapUsed, rss } = Deno.memoryUsage();
  return { heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20 };
}

/** What is held after a step. */
interface Sample {
  /** Bytes that the device counts. */
  used: number;
  peak: number;
  held?: Held;
}

/** Trains, and says what is held after every step, and by the process once it has settled. */
async function train(
  device: Device,
  held?: Held,
): Promise<{ samples: Sample[]; process: Process[] }> {
  const model = new GPT(device, config, { training: true });
  await model.load(initialParameters(config, 1));
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, rates);
  const optimizer = new Optimizer(device, groups);
  const pass = new Pass(model, B, T, { training: true });
  const next = randomNumbers(1);
  const loss = device.allocate("loss", [1]);
  const samples: Sample[] = [], process: Process[] = [];
  let pending: Readback[] = [];
  for (let step = 0; step < STEPS; step++) {
    const x = Int32Array.from({ length: B * T }, () => Math.floor(300 * next() ** 2));
    pass.batch.write(x, x.map((id, i) => i % 5 === step % 5 ? -1 : (id * 7) % 300));
    model.zeroGradients();
    device.zero({ x: loss });
    pass.train(loss, 1);
    optimizer.step(1, 0.9, loss);
    const staged = [device.stage(loss), device.stage(optimizer.guard)];
    device.submit();
    await Promise.all(pending.map((readback) => readback.values()));
    pending = staged;
    if (step % 10 === 9) await measure(model, pass);
    await new Promise((resolve) => setTimeout(resolve, 0));
    const { used, peak } = device.memory;
    samples.push({ used, peak, held: held && { ...held } });
    if (step === SETTLED || step === STEPS - 1) process.push(ofProcess());
  }
  await Promise.all(pending.map((readback) => readback.values()));
  for (const part of [model, optimizer, pass]) part.free();
  device.free(loss);
  return { samples, process };
}

/** What happens between steps: the loss alone, an answer, and all that a checkpoint holds. */
async function measure(model: GPT, pass: Pass): Promise<void> {
  const { device } = model;
  const sum = device.allocate("loss of an evaluation", [1]);
  pass.evaluate(sum);
  await device.read(sum);
  device.free(sum);
  const tokenizer = { bosId: 0, encodeSpecial: () => 1, encode: () => [], decode: () => "" };
  const engine = new Engine(model, tokenizer);
  await engine.generateBatch([[2, 3, 4], [2, 3, 4]], { maxTokens: 3 });
  engine.free();
  await Promise.all(model.parameters.values().map(({ value }) => device.read(value)));
}

/** Prints what the process held before and after, and compares. */
function checkProcess(name: string, [before, after]: readonly Process[]): void {
  const words = (what: keyof Process) =>
    `${before[what].toFixed(1)} to ${after[what].toFixed(1)} MiB`;
  console.log(`${name}, ${STEPS} steps: heap ${words("heap")}, process ${words("rss")}`);
  assertLess(after.heap - before.heap, HEAP_ALLOWANCE);
  assertLess(after.rss - before.rss, RSS_ALLOWANCE);
}

function check(
  name: string,
  { samples, process }: { samples: Sample[]; process: Process[] },
): void {
  const settled = samples.slice(SETTLED);
  const [start, end] = [settled[0], settled.at(-1)!];
  console.log(
    `${name}: device ${start.used} to ${end.used} bytes, peak ${end.peak}` +
      (end.held ? `; ${end.held.buffers} buffers, ${end.held.pipelines} pipelines` : ""),
  );
  assertEquals(new Set(settled.map(({ used }) => used)).size, 1, "bytes of the device");
  assertEquals(end.peak, start.peak, "the device's peak");
  assertEquals(new Set(settled.map(({ held }) => held?.buffers)).size, 1, "buffers");
  assertEquals(end.held?.pipelines, start.held?.pipelines, "pipelines");
  // Steps make no bind groups; what is made between them is for tensors that come and go.
  settled.forEach(({ held }, i) => {
    if (i > 0 && (SETTLED + i) % 10 !== 9) {
      assertEquals(held?.bindGroups, settled[i - 1].held?.bindGroups, `bind groups of step ${i}`);
    }
  });
  checkProcess(name, process);
}

Deno.test("cpu: memory is flat", async () => {
  const device = await createCpuDevice({ threads: 2 });
  check("cpu", await train(device));
  await device.close();
});

Deno.test("webgpu: memory is flat", { ignore: !await findAdapter() }, async () => {
  const { device, held } = await countedWebGpu();
  check("webgpu", await train(device, held));
  await device.close();
});

Deno.test("cpu: the memory of a whole run is flat", async () => {
  const baseDir = await smallBaseDir();
  const process: Process[] = [];
  const stdout = (text: string) => {
    const step = Number(/^step (\d+) /.exec(text)?.[1]);
    if (step === SETTLED || step === STEPS) process.push(ofProcess());
  };
  const { terminal } = new MemoryTerminal({ stdout });
  const { signal } = new AbortController();
  const options: Partial<SftOptions> = {
    ...{ deviceType: "cpu", threads: 1, numIterations: STEPS },
    ...{ maxSeqLen: 64, deviceBatchSize: 2, totalBatchSize: 128 },
    ...{ evalEvery: 40, evalTokens: 256, chatcoreEvery: -1 },
    ...{ simpleSpellingSize: 0, spellingBeeSize: 0 },
  };
  const io = { terminal, signal, baseDir, env: () => undefined, now: () => performance.now() };
  await runSft(sftOptions(options), io);
  checkProcess("cpu, a whole run", process);
  await Deno.remove(baseDir, { recursive: true });
});
