/**
 * Fine-tunes the shipped base model in float32, bfloat16 and float16 on the same data, and prints
 * their losses beside each other as Markdown.
 *
 *     deno run -A bench/dtypes.ts [--device-type webgpu] [--steps 1000] > bench/dtypes.md
 *
 * On a GPU its own kernels compute. On the CPU, which computes in float32, numbers are rounded as a
 * GPU without arithmetic in float16 keeps them (bench/dtypes/rounding_device.ts): storage in 16 bits,
 * operation by operation. A run in float32 on other data shows what differences mean nothing.
 */
import { parseArgs } from "node:util";
import { type Hardware, openDevice } from "../lib/device/mod.ts";
import { PackedLoader } from "../lib/dataloader/mod.ts";
import { UserError } from "../lib/errors.ts";
import { type ComputeType, Pass } from "../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../lib/optim/mod.ts";
import { placeDemo } from "../lib/sft/mod.ts";
import { LocalSource, type TaskMixture, trainMixture, valMixture } from "../lib/tasks/mod.ts";
import { bitsPerByte } from "../lib/eval/mod.ts";
import { inheritSettings, openModel, runTrainingLoop, START } from "../lib/training/mod.ts";
import { roundingDevice } from "./dtypes/rounding_device.ts";
import "./plain_errors.ts";
import { table } from "./scaling/markdown.ts";

/** Rows of a micro-batch and tokens of a row: small, since each step is computed four times. */
const B = 2, T = 256;
/** nanochat's schedule of fine-tuning, half of it falling. */
const SCHEDULE = { warmupRatio: 0, warmdownRatio: 0.5, finalLrFrac: 0 };
const INIT_LR_FRAC = 0.8;
/** Micro-batches of the validation mixture. */
const MEASURED = 64;
/** Rows of the table of losses. */
const SHOWN = 10;

const { values: flags } = parseArgs({
  options: {
    "device-type": { type: "string", default: "cpu" },
    steps: { type: "string", default: "1000" },
  },
});
const deviceType = flags["device-type"], steps = Number(flags.steps);
if (deviceType !== "cpu" && deviceType !== "webgpu") {
  throw new UserError(`--device-type must be cpu or webgpu, not ${deviceType}`);
}
if (!(Number.isInteger(steps) && steps >= SHOWN)) {
  throw new UserError(`--steps must be a whole number from ${SHOWN}, not ${flags.steps}`);
}

/** What a run gave. */
interface Run {
  name: string;
  /** Smoothed loss by step, as a run's log has it. */
  losses: number[];
  bpb: number;
}

/** Fine-tunes in a type for all steps. */
async function fineTune(
  device: Hardware,
  baseDir: string,
  name: string,
  { dtype = "float32", mixture }: { dtype?: ComputeType; mixture: TaskMixture },
): Promise<Run> {
  const opened = await openModel(device, baseDir, { source: "base", training: true, dtype });
  const { model, tokenizer, meta } = opened;
  const rates = { ...inheritSettings({}, meta.raw), initLrFrac: INIT_LR_FRAC };
  const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
  const optimizer = new Optimizer(device, groups);
  const pass = new Pass(model, B, T, { training: true });
  const { bosId, tokenBytes } = tokenizer;
  const render = tokenizer.renderConversation.bind(tokenizer);
  const loader = new PackedLoader(mixture, { B, T, render, bosId });
  const losses: number[] = [];
  await runTrainingLoop({
    pass,
    optimizer,
    accumulationSteps: 1,
    numIterations: steps,
    schedule: SCHEDULE,
    signal: new AbortController().signal,
    now: () => performance.now(),
    nextBatch: () => {
      const batch = loader.next();
      return { ...batch, rows: batch.conversations };
    },
    dataState: () => loader.state,
    nameRows: (rows) => rows.join(", "),
    onStep: (step, metrics) => {
      losses.push(metrics["train/loss"]);
      if (step % 50 === 0) {
        console.error(`${name}: step ${step}, loss ${losses.at(-1)!.toFixed(4)}`);
      }
    },
    onOverflow: (step, scale) =>
      console.error(`${name}: step ${step} again with a scale of ${scale}`),
    isDue: () => false,
    rest: () => Promise.resolve(),
  }, START);

  const validation = new PackedLoader(await valMixture(new LocalSource(baseDir)), {
    B,
    T,
    render,
    bosId,
  });
  const batches = Array.from({ length: MEASURED }, () => validation.next());
  const bpb = await bitsPerByte(pass, batches, MEASURED, tokenBytes);
  optimizer.free();
  pass.free();
  model.free();
  return { name, losses, bpb };
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** How far the smoothed losses of two runs are from each other, by step. */
function apart(run: Run, first: Run): number[] {
  return run.losses.map((loss, i) => Math.abs(loss - first.losses[i]));
}

/** A run beside the first. */
function differences(run: Run, first: Run): string[] {
  const all = apart(run, first);
  const latter = all.slice(all.length / 2);
  return [
    run.name,
    Math.max(...all).toFixed(4),
    mean(all).toFixed(4),
    mean(latter).toFixed(4),
    run.bpb.toFixed(4),
    (run.bpb - first.bpb).toFixed(4),
  ];
}

const temp = await Deno.makeTempDir();
const opened = await openDevice({ deviceType });
try {
  const baseDir = await placeDemo(temp);
  const device = deviceType === "cpu" ? roundingDevice(opened.device) : opened.device;
  const spelling = { simpleSpellingSize: 6000, spellingBeeSize: 3000 };
  const source = new LocalSource(baseDir);
  const mixture = await trainMixture(source, spelling);
  const other = await trainMixture(source, { ...spelling, spellingBeeSize: 3001 });
  const runs = [
    await fineTune(device, baseDir, "float32", { mixture }),
    await fineTune(device, baseDir, "bfloat16", { mixture, dtype: "bfloat16" }),
    await fineTune(device, baseDir, "float16", { mixture, dtype: "float16" }),
    await fineTune(device, baseDir, "float32, other data", { mixture: other }),
  ];
  const band = Math.max(...runs.slice(1, 3).flatMap((run) => apart(run, runs[0])));
  const every = Math.floor(steps / SHOWN);
  const shown = Array.from({ length: SHOWN }, (_, i) => (i + 1) * every);
  console.log([
    `# ${steps} steps in each type`,
    `The shipped base model, ${B} rows of ${T} tokens a step, the same data in the same order, ` +
    `\`deno run -A bench/dtypes.ts${deviceType === "webgpu" ? " --device-type webgpu" : ""}\` on ` +
    (deviceType === "cpu"
      ? "the CPU device, which rounds what a GPU keeps in 16 bits as that does."
      : `${opened.device.name}.`),
    "## Smoothed loss",
    table(
      ["step", ...runs.map(({ name }) => name)],
      shown.map((step) => [`${step}`, ...runs.map(({ losses }) => losses[step - 1].toFixed(4))]),
    ),
    "## How far from float32",
    "The largest and the mean difference of the smoothed loss over all steps, the mean over the " +
    "latter half, and bits per byte of the validation mixture at the end.",
    table(
      ["run", "largest", "mean", "latter half", "bpb", "bpb − float32's"],
      runs.map((run) => differences(run, runs[0])),
    ),
    `The band: in 16 bits the smoothed loss is within ${
      band.toFixed(2)
    } of float32's at every step.`,
  ].join("\n\n"));
} finally {
  await opened.device.close();
  await Deno.remove(temp, { recursive: true });
}
