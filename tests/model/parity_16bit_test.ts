/**
 * Losses, gradients and three optimizer steps in 16 bits against those of nanochat's own arithmetic
 * in 16 bits (tests/fixtures/parity_16bit/make.py).
 *
 * Two that round in different places are never equal, and where a gradient is next to nothing AdamW
 * makes a whole step of its sign. So the measure is nanochat's own: how far its 16 bits are from its
 * float32, tensor by tensor. This package keeps the residual stream, gradients of activations and
 * Muon in float32, which nanochat does not, so it must be nearer to nanochat's float32 than nanochat's
 * 16 bits are, and about as far from those as they are from float32.
 */
import { assert, assertAlmostEquals, assertLess } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { openSafetensors } from "../../lib/checkpoint/disk/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { devices } from "../device/devices.ts";
import { type ParityModel, parityModel } from "./parity.ts";
import { PARITY_MODELS, parityFolder } from "./parity_folders.ts";
import { train, type TrainingStep } from "./parity_training.ts";

/** How far a tensor of ours may be, in shares of how far nanochat's 16 bits are from its float32. */
interface Limits {
  /** From nanochat's float32. */
  exact: number;
  /** From nanochat's in 16 bits. */
  theirs: number;
  /**
   * From nanochat's float32 where nanochat's own distance is no measure, in shares of its farthest
   * tensor's: of few numbers, as the scalars, or stepped by AdamW, where a handful of signs decides.
   */
  loose: number;
}

/** Of losses and gradients of the first step. A scalar's gradient is what is left of a long sum. */
const FIRST_LIMITS: Limits = { exact: 1, theirs: 1.5, loose: 4 };
/**
 * Of what a step changes, by step: what differs in one step makes the next differ more, ours as
 * nanochat's, and by how much is chance. `sum` is that of all matrices and tables, from float32.
 */
const CHANGE_LIMITS: (Limits & { sum: number })[] = [
  { exact: 1.5, theirs: 1.6, loose: 2, sum: 0.8 },
  { exact: 1.5, theirs: 2, loose: 2, sum: 0.9 },
  { exact: 2.5, theirs: 2.5, loose: 2, sum: 1.2 },
];
/** How far the mean loss of a step may be from that in float32. */
const LOSS = { bfloat16: 5e-3, float16: 1e-3 };
/** Numbers from which on a distance is a measure. */
const MANY = 1000;
/** What Muon steps. */
const MATRIX = /^step\d\.transformer\.h\./;

/** How far ours and nanochat's 16 bits are from nanochat's float32, and from each other. */
interface Distances {
  name: string;
  size: number;
  ours: number;
  theirs: number;
  between: number;
}

/** Distances of the same numbers, relative to them in float32. */
function distances(
  name: string,
  [ours, theirs, exact]: [Float32Array, Float32Array, Float32Array],
): Distances {
  const norm = Math.hypot(...exact);
  const distance = (a: Float32Array, b: Float32Array) => Math.hypot(...difference(a, b)) / norm;
  return {
    name,
    size: exact.length,
    ours: distance(ours, exact),
    theirs: distance(theirs, exact),
    between: distance(ours, theirs),
  };
}

function difference(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value - b[i]);
}

/** nanochat's numbers in 16 bits, by name. */
async function numbersOf(folder: string, dtype: string): Promise<Map<string, Float32Array>> {
  const path = new URL(`../fixtures/parity_16bit/${folder}/${dtype}.safetensors`, import.meta.url);
  using file = await openSafetensors(fromFileUrl(path));
  const numbers = new Map<string, Float32Array>();
  for (const [name, tensor] of file.tensors) numbers.set(name, await tensor.readFloat32());
  return numbers;
}

/** Compares what the first step found before the optimizer's step. */
function checkFirst(
  { losses, gradients }: TrainingStep,
  parity: ParityModel,
  theirs: Map<string, Float32Array>,
): void {
  const y = parity.numbers("y");
  const counted = (losses: Float32Array) => losses.filter((_, i) => y[i] >= 0);
  const [lossScale] = theirs.get("loss_scale")!;
  const all = [...gradients].map(([parameter, ours]) => {
    const name = `grad.${parameter}`;
    const exact = parity.numbers(name).map((value) => value * lossScale);
    return distances(name, [ours, theirs.get(name)!, exact]);
  });
  const [found, expected] = [theirs.get("loss_per_position")!, parity.numbers("loss_per_position")];
  const ofLosses = distances("losses", [losses, counted(found), counted(expected)]);
  assertNear(ofLosses, FIRST_LIMITS);
  checkAll(all, FIRST_LIMITS, ({ size }) => size >= MANY);
}

/** Compares what an optimizer step changed. */
function checkChanges(
  { step, before, after }: TrainingStep,
  { numbers }: ParityModel,
  theirs: Map<string, Float32Array>,
): void {
  const all = [...after].map(([parameter, values]) => {
    const name = `step${step}.${parameter}`;
    const start = before.get(parameter)!;
    // Of nanochat's float32 the first step begins with ours, but for the rounding of tables.
    const exactStart = step === 0 ? start : numbers(`step${step - 1}.param.${parameter}`);
    const exact = difference(numbers(`step${step}.param.${parameter}`), exactStart);
    return distances(name, [difference(values, start), theirs.get(name)!, exact]);
  });
  const limits = CHANGE_LIMITS[step];
  checkAll(all, limits, ({ name, size }) => size >= MANY && MATRIX.test(name));
  const sum = (which: "ours" | "theirs") =>
    all.reduce((sum, each) => each.size < MANY ? sum : sum + each[which], 0);
  assertLess(sum("ours"), limits.sum * sum("theirs"), `changes of step ${step}`);
}

function checkAll(
  all: Distances[],
  limits: Limits,
  isMeasure: (each: Distances) => boolean,
): void {
  const farthest = Math.max(...all.map(({ theirs }) => theirs));
  for (const each of all) {
    if (isMeasure(each)) assertNear(each, limits);
    else assertLess(each.ours, limits.loose * farthest, `${each.name} from float32`);
  }
}

function assertNear({ name, ours, theirs, between }: Distances, limits: Limits): void {
  assertLess(ours, limits.exact * theirs, `${name} from float32`);
  assertLess(between, limits.theirs * theirs, `${name} from nanochat's`);
}

async function compare(
  device: Device,
  folder: typeof PARITY_MODELS[number],
  dtype: keyof typeof LOSS,
): Promise<void> {
  const parity = await parityModel(device, parityFolder(folder), dtype);
  const theirs = await numbersOf(folder, dtype);
  const [lossScale] = theirs.get("loss_scale")!;
  let steps = 0;
  for await (const found of train(parity, lossScale)) {
    const { step, loss } = found;
    assertAlmostEquals(loss, parity.expected.steps[step].loss, LOSS[dtype], `step ${step}`);
    if (step === 0) checkFirst(found, parity, theirs);
    checkChanges(found, parity, theirs);
    steps++;
  }
  assert(steps === 3);
  parity.model.free();
}

/** What is compared; float16 with one model, since its kernels compile slowly on software adapters. */
const CASES = [
  ...PARITY_MODELS.map((folder) => ({ folder, dtype: "bfloat16" } as const)),
  { folder: "mha_full", dtype: "float16" } as const,
];

// The CPU device computes in float32 only.
for (const { name, device } of devices.filter(({ name }) => name !== "cpu")) {
  for (const { folder, dtype } of CASES) {
    Deno.test(
      `${name}: ${folder}: three optimizer steps in ${dtype}`,
      { ignore: device === undefined },
      () => compare(device!, folder, dtype),
    );
  }
}
