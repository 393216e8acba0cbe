/**
 * nanochat's own fine-tuning of a `d4`, step by step: the same mixture, flags and losses. It needs
 * the reference's base directory, which is too large for this repository.
 */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { devices } from "../device/devices.ts";
import { BASE_DIR, FLAGS, isThere, REFERENCE } from "./reference.ts";
import { temporaryBaseDir, watchRun } from "./run_helpers.ts";

interface Run {
  deviceType: "webgpu" | "cpu";
  /** Steps compared: a software GPU is slow. */
  steps: number;
  lossTolerance: number;
  bpbTolerance: number;
}

const RUNS: Run[] = [
  { deviceType: "webgpu", steps: 5, lossTolerance: 1e-3, bpbTolerance: 2e-4 },
  { deviceType: "cpu", steps: 21, lossTolerance: 2e-3, bpbTolerance: 1e-3 },
];

for (const { deviceType, steps, lossTolerance, bpbTolerance } of RUNS) {
  const device = devices.find(({ name }) => name === deviceType)?.device;
  Deno.test({
    name: `${deviceType}: ${steps} steps of the reference's run of a d4`,
    ignore: !isThere || device === undefined,
    fn: async () => {
      const expected = JSON.parse(await Deno.readTextFile(join(REFERENCE, "sft_expected.json")));
      const baseDir = await temporaryBaseDir(BASE_DIR);
      const { metrics } = await watchRun(baseDir, { ...FLAGS, deviceType }, steps);
      const losses = metrics.filter((line) => "train/loss_raw" in line);
      for (const { step, loss, smoothed_loss } of expected.steps.slice(0, steps)) {
        const line = losses[step - 1];
        assertEquals(line.step, step);
        assertAlmostEquals(line["train/loss_raw"], loss, lossTolerance, `step ${step}`);
        assertAlmostEquals(line["train/loss"], smoothed_loss, lossTolerance, `step ${step}`);
      }
      for (const { step, ["val/bpb"]: bpb } of metrics.filter((line) => "val/bpb" in line)) {
        assertAlmostEquals(bpb, expected.validation_bpb[step], bpbTolerance, `bpb at ${step}`);
      }
      await Deno.remove(baseDir, { recursive: true });
    },
  });
}

/** The flags of the other log: one epoch, with a rise and a fall that both show. */
const EPOCH_FLAGS = {
  ...FLAGS,
  numIterations: -1,
  initLrFrac: 0.7,
  warmupRatio: 0.01,
  warmdownRatio: 0.985,
  finalLrFrac: 0.05,
  mmluEpochs: 1,
  gsm8kEpochs: 1,
  evalEvery: 24,
};

const cpu = devices.find(({ name }) => name === "cpu")?.device;
Deno.test({
  name: "cpu: the rates and losses of the reference's run of one epoch",
  ignore: !isThere || cpu === undefined,
  fn: async () => {
    const path = join(REFERENCE, "sft_schedule_expected.json");
    const expected = JSON.parse(await Deno.readTextFile(path));
    const baseDir = await temporaryBaseDir(BASE_DIR);
    const flags = { ...EPOCH_FLAGS, deviceType: "cpu" } as const;
    // One more, for the validation after the last.
    const { metrics } = await watchRun(baseDir, flags, expected.steps.length + 1);
    const steps = metrics.filter((line) => "train/loss_raw" in line);
    for (const { step, loss, smoothed_loss, lr_multiplier } of expected.steps) {
      const line = steps[step - 1];
      assertAlmostEquals(line["train/lrm"], lr_multiplier, 1e-6, `step ${step}`);
      assertAlmostEquals(line["train/loss_raw"], loss, 2e-3, `step ${step}`);
      assertAlmostEquals(line["train/loss"], smoothed_loss, 2e-3, `step ${step}`);
    }
    const bpbs = metrics.filter((line) => "val/bpb" in line);
    assertEquals(bpbs.map(({ step }) => step), [0, 24]);
    for (const { step, ["val/bpb"]: bpb } of bpbs) {
      assertAlmostEquals(bpb, expected.validation_bpb[step], 1e-3, `bpb at ${step}`);
    }
    await Deno.remove(baseDir, { recursive: true });
  },
});
