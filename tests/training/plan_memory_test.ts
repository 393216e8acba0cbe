/** What fits into a device's memory, and what is refused before anything is loaded. */
import { assert, assertEquals, assertLess, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { wordError } from "../../cli/errors.ts";
import { baseOptions, chatOptions, evalOptions, sftOptions } from "../../cli/options.ts";
import { runBase } from "../../lib/base/mod.ts";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { createWebGpuDevice, findAdapter } from "../../lib/device/webgpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { inspectCheckpoint } from "../../lib/inspect/mod.ts";
import { NEWEST_PARTS } from "../../lib/model_parts.ts";
import { GPT, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { runSft, type SftOptions } from "../../lib/sft/mod.ts";
import {
  countTraining,
  mostRows,
  planAnswers,
  planTraining,
  runEval,
} from "../../lib/training/mod.ts";
import { preparedGpu } from "../device/prepared_gpu.ts";
import { onRanks } from "../ranks/in_process.ts";
import { watchRun } from "../sft/run_helpers.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "./small_base_dir.ts";
import { MODEL, world } from "./small_world.ts";

const config = {
  sequenceLen: 64,
  vocabSize: 1000,
  nLayer: 2,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};
const shape = { config, parts: NEWEST_PARTS };
const T = 64;
const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };

Deno.test("what is said to fit does, and a byte less does not", async () => {
  const unlimited = await createCpuDevice({ threads: 1 });
  const { total } = await countTraining(unlimited, shape, { rows: 2, T });
  const train = async (maxMemoryBytes: number) => {
    const device = await createCpuDevice({ threads: 1, maxMemoryBytes });
    const model = new GPT(device, config, { training: true });
    const groups = parameterGroups([...model.parameters.values()], config.nEmbd, rates);
    const optimizer = new Optimizer(device, groups);
    const pass = new Pass(model, 2, T, { training: true });
    const loss = device.allocate("loss", [1]);
    const tokens = new Int32Array(2 * T);
    pass.batch.write(tokens, tokens);
    pass.train(loss, 1);
    optimizer.step(1, 0.9, loss);
    await model.isFinite();
    await device.close();
  };
  await train(total);
  const error = await assertRejects(() => train(total - 1), UserError, "cannot hold");
  assertEquals(error.detail?.kind, "memory");
  await unlimited.close();
});

Deno.test("a run that does not fit is refused with the rows that would", async () => {
  const console = new MemoryTerminal();
  const { terminal } = console;
  const unlimited = await createCpuDevice({ threads: 1 });
  const { total } = await countTraining(unlimited, shape, { rows: 4, T });
  const small = await createCpuDevice({ threads: 1, maxMemoryBytes: total });
  const settings = { ...rates, maxSeqLen: T, totalBatchSize: 32 * T };
  const refused = async (rows: number | "auto", device = small, separator?: number) => {
    const wanted = { ...settings, deviceBatchSize: rows }, io = { terminal, separator };
    return await assertRejects(() => planTraining(device, shape, wanted, io), UserError);
  };
  const error = await refused(32);
  assertMatch(error.message, /^Training 32 rows of 64 tokens takes .* MiB of memory, and the CPU /);
  assertMatch(wordError(error, "sft"), / has .* MiB; --device-batch-size 4 would fit$/);
  // Where conversations begin takes some more.
  assertMatch(wordError(await refused(32, small, 0), "sft"), /; --device-batch-size 2 would fit$/);

  const tiny = await createCpuDevice({ threads: 1, maxMemoryBytes: 2 ** 20 });
  for (const wanted of [1, "auto"] as const) {
    const error = await refused(wanted, tiny);
    assertMatch(
      error.message,
      /^Training 1 row of 64 tokens takes .* MiB of memory, .* has 1 MiB$/,
    );
    assertMatch(
      wordError(error, "sft"),
      / has 1 MiB; lower --max-seq-len, or take another device with --device-type$/,
    );
  }
  const long = { rows: 1, capacity: 2048 };
  await assertRejects(() => planAnswers(tiny, shape, long), UserError, "has 1 MiB");
  // It may be that fewer and shorter texts are asked for than are planned.
  const weights = await planAnswers(small, shape, { rows: 64, capacity: 4096, isGuess: true });
  assertMatch(weights, /^memory: weights .*, KV cache 256 bytes a token; .* for 64 texts of 4096 /);
  // Far more than any device has is told without making it up.
  for (const device of [unlimited, small]) {
    const line = await planAnswers(device, shape, { rows: 1e9, isGuess: true });
    assertMatch(line, /; more than it has for 1000000000 texts of 64 tokens/);
  }
  for (const device of [unlimited, small, tiny]) await device.close();
});

Deno.test("ranks take as many rows as fit on all of them, and refuse together", async () => {
  const unlimited = await createCpuDevice({ threads: 1 });
  const worldSize = 2;
  const needs = async (rows: number, rank: number) =>
    (await countTraining(unlimited, shape, { rows, T, ranks: { rank, worldSize } })).total;
  const settings = { ...rates, maxSeqLen: T, totalBatchSize: 32 * T };
  const planned = async (deviceBatchSize: number | "auto", rows: number[]) =>
    await onRanks(worldSize, async (ranks) => {
      const maxMemoryBytes = await needs(rows[ranks.rank], ranks.rank);
      const device = await createCpuDevice({ threads: 1, maxMemoryBytes });
      const { terminal } = new MemoryTerminal();
      const wanted = { ...settings, deviceBatchSize };
      const plan = await planTraining(device, shape, wanted, { terminal, ranks })
        .then(({ deviceBatchSize }) => deviceBatchSize, (error: UserError) => error);
      await device.close();
      return plan;
    });
  assertEquals(await planned("auto", [8, 4]), [4, 4]);
  // A step of 32 rows is one of 16 on each.
  assertEquals(await planned("auto", [64, 64]), [16, 16]);
  const errors = await planned(8, [8, 4]) as UserError[];
  assertMatch(errors[0].message, /^rank 1: Training 8 rows of 64 tokens takes /);
  assertMatch(errors[1].message, /^Training 8 rows of 64 tokens takes /);
  // The advice is that of the rank where it does not fit.
  for (const error of errors) {
    assertMatch(wordError(error, "sft"), /; --device-batch-size 4 would fit$/);
  }
  const uneven = await planned(32, [64, 64]) as UserError[];
  assertMatch(wordError(uneven[0], "sft"), / x 2 ranks = 4096 tokens; 4096 would be$/);
  await unlimited.close();
});

const FLAGS: Partial<SftOptions> = {
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  totalBatchSize: 256,
  numIterations: 2,
  evalEvery: -1,
  evalTokens: 256,
  chatcoreEvery: -1,
  mmluEpochs: 1,
  gsm8kEpochs: 1,
  simpleSpellingSize: 0,
  spellingBeeSize: 0,
};

Deno.test("a fine-tuning of auto rows is saved with their number and goes on with it", async () => {
  const baseDir = await smallBaseDir();
  const first = await watchRun(baseDir, { ...FLAGS, deviceBatchSize: "auto" }, 1);
  const { lines } = first;
  const at = (start: string) => lines.findIndex((line) => line.startsWith(start));
  assertEquals(
    lines[at("device_batch_size")],
    "device_batch_size=4: the most that fit and divide the step",
  );
  const table = [
    /^Memory for 4 rows of 64 tokens in float32$/,
    /^ {2}weights +1\.34 MiB$/,
    /^ {2}gradients +[\d.]+ KiB$/, // of 256 of 4,096 tokens
    /^ {2}moments +[\d.]+ MiB$/,
    /^ {2}activations +[\d.]+ MiB, [\d.]+ KiB a row of 64 tokens$/,
    /^ {2}loss head +[\d.]+ MiB$/,
    /^ {2}workspaces +[\d.]+ MiB$/,
    /^ {2}staging +0 bytes$/,
    /^ {2}all together +[\d.]+ MiB, [\d.]+ GiB there$/,
    /^ {2}rows that fit +4$/,
  ];
  for (const [i, row] of table.entries()) assertMatch(lines[at("Memory") + i], row);
  assertLess(at("Memory"), at("Tokens / micro-batch / rank: 4 x 64"));
  const meta = async (step: number) => {
    const path = join(baseDir, `chatsft_checkpoints/d2/step_${step}_meta.json`);
    return JSON.parse(await Deno.readTextFile(path));
  };
  const saved = await meta(first.result.at.step);
  assertEquals([saved.device_batch_size, saved.user_config.device_batch_size], [4, 4]);
  const second = await watchRun(baseDir, { resume: true, numIterations: 3 });
  assert(second.lines.includes("Tokens / micro-batch / rank: 4 x 64 = 256"));
  assertEquals((await meta(3)).user_config.device_batch_size, 4);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("fine-tuning refuses what does not fit before it loads the model", async () => {
  const baseDir = await smallBaseDir();
  const { io, console } = world();
  // So damaged, loading would fail.
  const path = join(baseDir, "base_checkpoints/d2/model_000007.pt");
  const bytes = await Deno.readFile(path);
  const middle = bytes.length / 2 | 0;
  await Deno.writeFile(path, bytes.fill(255, middle, middle + 2 ** 17));
  const cases = [
    [2 ** 17, "[\\d.]+ GiB of memory, and the CPU device has "],
    [2 ** 36, "far more memory than the CPU device has, which is "],
  ] as const;
  for (const [rows, takes] of cases) {
    const options = { ...FLAGS, deviceBatchSize: rows, totalBatchSize: rows * 64 };
    const error = await assertRejects(
      () => runSft(sftOptions(options), { ...io, baseDir }),
      UserError,
    );
    const fitting = (error.detail as { rows: number }).rows;
    assert(fitting > 1 && Number.isInteger(Math.log2(fitting)));
    const words = `^Training ${rows} rows of 64 tokens takes ${takes}[\\d.]+ GiB; ` +
      `--device-batch-size ${fitting} would fit$`;
    assertMatch(wordError(error, "sft"), new RegExp(words));
  }
  assert(console.lines.some((line) => line.startsWith("Memory for ")));
  assert(!console.lines.some((line) => line.startsWith("Tokens / micro-batch")));
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("pretraining takes auto rows, and keeps their number", async () => {
  const baseDir = await smallBaseDir();
  const { io, console } = world();
  const text = join(baseDir, "text.jsonl");
  const lines = Array.from({ length: 40 }, (_, i) => JSON.stringify({ text: `Word ${i} of it.` }));
  await Deno.writeTextFile(text, lines.join("\n"));
  const options = baseOptions<"auto">({
    ...{ depth: 1, aspectRatio: 32, headDim: 16, maxSeqLen: 16, numIterations: 1 },
    ...{ deviceBatchSize: "auto", totalBatchSize: 96, evalTokens: 32, deviceType: "cpu" },
    threads: 1,
  });
  await runBase([text], options, { ...io, baseDir });
  const path = join(baseDir, "base_checkpoints/d1/meta_000001.json");
  const meta = JSON.parse(await Deno.readTextFile(path));
  // Of 6 rows, 2 are the largest power of two that divides.
  assertEquals([meta.device_batch_size, meta.user_config.device_batch_size], [2, 2]);
  assert(console.lines.some((line) => /^Memory for 2 rows of 16 tokens in float32$/.test(line)));
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("eval and inspect say what the model needs", async () => {
  const { io, console } = world();
  await runEval(evalOptions({ ...MODEL, tasks: "MMLU", maxProblems: 1 }), io);
  assertMatch(
    console.lines[0],
    /^Device: cpu.*; memory: weights 1\.34 MiB, .* for 8 texts of 1536 /,
  );
  const { io: other, console: table } = world();
  await inspectCheckpoint({ ...MODEL }, other);
  for (
    const row of [
      /\n {2}weights +1\.34 MiB\n {2}gradients +1\.34 MiB\n {2}moments +[\d.]+ MiB\n/,
      /\n {2}activations +[\d.]+ KiB, [\d.]+ KiB a row of 64 tokens\n {2}loss head +[\d.]+ MiB\n/,
      /\n {2}KV cache +256 bytes a token\n {2}chat +[\d.]+ MiB with 64 tokens and float32 weights; fits\n/,
      /\n {2}fine-tuning +[\d.]+ MiB with 1 row\n {2}rows that fit +1024\n/,
    ]
  ) assertMatch(table.stdout, row);
});

const ignore = !await findAdapter();

Deno.test(
  "webgpu: memory that nothing tells of is tried out, on a device of its own",
  { ignore },
  async () => {
    const needs = async (rows: number) => {
      const device = await createWebGpuDevice();
      const { total } = await countTraining(device, shape, { rows, T });
      await device.close();
      return total;
    };
    const most = await needs(64) - 1;
    const opened: { given: number; refused: boolean }[] = [];
    const gpu = preparedGpu((gpu) => {
      const state = { given: 0, refused: false };
      opened.push(state);
      const { createBuffer, popErrorScope } = gpu;
      gpu.createBuffer = (descriptor) => {
        if (descriptor.usage & GPUBufferUsage.STORAGE) state.given += descriptor.size;
        state.refused ||= opened.length > 1 && state.given > most;
        return createBuffer.call(gpu, descriptor);
      };
      gpu.popErrorScope = async () => {
        const found = state.refused ? new GPUOutOfMemoryError("full") : null;
        return await popErrorScope.call(gpu) ?? found;
      };
    });
    const device = await createWebGpuDevice({ gpu });
    assertEquals(device.memory.limit, Infinity);
    const settings = { maxSeqLen: T, totalBatchSize: 1024 * T };
    assertEquals(await mostRows(device, shape, settings), 32);
    // One for each number of rows; what was refused there does not trouble the first.
    assertEquals(opened.map(({ refused }) => refused), [...Array(7).fill(false), true]);
    const x = device.allocate("x", [4]);
    assertEquals(await device.read(x), new Float32Array(4));
    const line = await planAnswers(device, shape, { rows: 1 });
    assertMatch(line, / of 64 tokens, .* does not say how much it has$/);
    await device.close();
  },
);

Deno.test("webgpu: a GPU that is lost while memory is tried out has less", { ignore }, async () => {
  let opened = 0;
  const gpu = preparedGpu((gpu) => {
    if (opened++ === 0) return;
    gpu.popErrorScope = () => (gpu.destroy(), new Promise(() => {}));
  });
  const device = await createWebGpuDevice({ gpu });
  assertEquals(await device.fits(device.counting()), true); // nothing is asked for
  const refused = () => planAnswers(device, shape, { rows: 1 });
  const error = await assertRejects(refused, UserError, "Generating text with this model takes");
  assertMatch(error.message, / gives less$/);
  await device.close();
});

Deno.test("webgpu: a software adapter has what the system has", { ignore }, async () => {
  const device = await createWebGpuDevice({ maxMemoryBytes: 2 ** 25 });
  const settings = { maxSeqLen: T, totalBatchSize: 1024 * T };
  const rows = await mostRows(device, shape, settings);
  const { total } = await countTraining(device, shape, { rows, T });
  const { total: twice } = await countTraining(device, shape, { rows: 2 * rows, T });
  assert(total <= 2 ** 25 && twice > 2 ** 25);
  await device.close();
});

Deno.test("chat has no rows to lower", async () => {
  const device = await createCpuDevice({ threads: 1, maxMemoryBytes: 2 ** 20 });
  const long = { rows: 1, capacity: 2048 };
  const error = await assertRejects(() => planAnswers(device, shape, long), UserError);
  assertMatch(wordError(error, "chat"), / has 1 MiB; take another device with --device-type$/);
  assertEquals(chatOptions().maxNewTokens, 256);
  await device.close();
});

/** So deep that most of a row are its layers' activations. */
const deep = { ...shape, config: { ...config, nLayer: 12 } };

Deno.test("rows that nobody asked for give way to those that fit, and it is said", async () => {
  const unlimited = await createCpuDevice({ threads: 1 });
  const { total } = await countTraining(unlimited, deep, { rows: 4, T });
  const small = await createCpuDevice({ threads: 1, maxMemoryBytes: total });
  const console = new MemoryTerminal(), { terminal } = console;
  const settings = { ...rates, maxSeqLen: T, totalBatchSize: 32 * T };
  const planned = async (deviceBatchSize: number, recompute = false) => {
    console.stdout = "";
    const io = { terminal, recompute, rowsAsked: false };
    return (await planTraining(small, deep, { ...settings, deviceBatchSize }, io)).deviceBatchSize;
  };
  assertEquals(await planned(32), 4);
  const { lines } = console;
  assertEquals(lines[0], "device_batch_size=4: the most of 32 that fit and divide the step");
  assertEquals(lines[1], "Memory for 4 rows of 64 tokens in float32");
  assertMatch(lines.at(-1)!, /^ {2}rows that fit +4, 8 with layers computed again$/);
  assertEquals(await planned(32, true), 8);
  assertEquals(
    console.lines[1],
    "Memory for 8 rows of 64 tokens in float32, layers computed again",
  );
  // What fits stays as it is inherited.
  assertEquals(await planned(2), 2);
  for (const device of [unlimited, small]) await device.close();
});

Deno.test("where no row fits, it is said how one would", async () => {
  const unlimited = await createCpuDevice({ threads: 1 });
  const needs = async (recompute: boolean) =>
    (await countTraining(unlimited, deep, { rows: 1, T, recompute, stepTokens: T })).total;
  const [kept, recomputed] = [await needs(false), await needs(true)];
  const device = await createCpuDevice({ threads: 1, maxMemoryBytes: (kept + recomputed) / 2 });
  const { terminal } = new MemoryTerminal();
  const settings = { ...rates, maxSeqLen: T, totalBatchSize: T };
  for (const [deviceBatchSize, rowsAsked] of [[1, true], [1, false], ["auto", true]] as const) {
    const wanted = { ...settings, deviceBatchSize };
    const error = await assertRejects(
      () => planTraining(device, deep, wanted, { terminal, rowsAsked }),
      UserError,
    );
    assertMatch(
      wordError(error, "sft"),
      / MiB; --recompute --device-batch-size 1 would fit, or lo/,
    );
  }
  const wanted = { ...settings, deviceBatchSize: 1 };
  assert(await planTraining(device, deep, wanted, { terminal, recompute: true }));
  for (const open of [unlimited, device]) await open.close();
});
