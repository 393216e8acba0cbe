/** The training loop: how it stops, and what becomes of steps that must not be taken. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { Device } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT, initialParameters, Pass } from "../../lib/model/mod.ts";
import { AdamW, Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { type RunEnd, type RunProgress, runTrainingLoop } from "../../lib/training/mod.ts";
import { devices } from "../device/devices.ts";

const CONFIG = {
  sequenceLen: 16,
  vocabSize: 64,
  nLayer: 2,
  nHead: 2,
  nKvHead: 2,
  nEmbd: 32,
  windowPattern: "L",
};
const RATES = { embeddingLr: 0.3, unembeddingLr: 0.01, matrixLr: 0.02 };

/** What a loop did. */
interface Watched {
  /** Micro-batches that were asked for. */
  asked: number;
  reported: { step: number; loss: number }[];
  /** Tokens per second of each step, and the percentage of the device's peak. */
  speeds: { tokens: number; utilisation: number }[];
  lrms: number[];
  overflows: { step: number; lossScale: number }[];
  rests: { at: RunProgress; data: number; end?: RunEnd }[];
  error?: UserError;
  weights: Float32Array[];
  moments: Float32Array[];
  adamSteps: number[];
}

/** Runs a loop over made-up tokens. */
async function watch(device: Device, given: {
  steps: number;
  accumulationSteps?: number;
  /** Called with the micro-batch's number before it is handed on; may change it. */
  onBatch?: (number: number, batch: { x: Int32Array; y: Int32Array }) => void;
  /** Called after the micro-batch of this number was handed to the device. */
  onTrained?: (number: number, model: GPT, lossScale?: number) => void;
  /** The rows of the micro-batch of this number. */
  rowsOfBatch?: (number: number) => number[];
  /** A step before which the loop rests. */
  restAt?: number;
  /** Micro-batches that the data has, if it ends the run. */
  batches?: number;
  /** Whether the loss is scaled as for float16. */
  isScaled?: boolean;
  /** Where the run begins. */
  from?: RunProgress;
  signal?: AbortSignal;
  /** Milliseconds; always 0 unless given. */
  now?: () => number;
}): Promise<Watched> {
  const { steps, accumulationSteps = 1, onBatch, onTrained, batches = Infinity } = given;
  const { rowsOfBatch = (number) => [number] } = given;
  const model = new GPT(device, CONFIG, { training: true });
  if (given.isScaled) Object.defineProperty(model, "dtype", { value: "float16" });
  await model.load(initialParameters(CONFIG, 1));
  const groups = parameterGroups([...model.parameters.values()], CONFIG.nEmbd, RATES);
  const optimizer = new Optimizer(device, groups);
  let trained = 0;
  class WatchedPass extends Pass {
    override *training(...args: Parameters<Pass["training"]>) {
      yield* super.training(...args);
      onTrained?.(++trained, model, args[2]);
    }
  }
  const B = 2, T = 16;
  const pass = new WatchedPass(model, B, T, { training: true });
  const watched: Watched = {
    asked: 0,
    reported: [],
    speeds: [],
    lrms: [],
    overflows: [],
    rests: [],
    weights: [],
    moments: [],
    adamSteps: [],
  };
  try {
    await runTrainingLoop({
      pass,
      optimizer,
      accumulationSteps,
      numIterations: steps,
      schedule: { warmupRatio: 0, warmdownRatio: 0.5, finalLrFrac: 0 },
      signal: given.signal ?? new AbortController().signal,
      now: given.now ?? (() => 0),
      nextBatch: () => {
        const number = ++watched.asked;
        const x = Int32Array.from({ length: B * T }, (_, i) => (number * 7 + i * 5) % 64);
        const batch = { x, y: x.map((id) => (id + 5) % 64) };
        onBatch?.(number, batch);
        return { ...batch, epoch: 1, progress: number / batches, rows: rowsOfBatch(number) };
      },
      dataState: () => watched.asked,
      nameRows: (rows) => `rows ${rows}`,
      onStep: (step, metrics) => {
        watched.reported.push({ step, loss: metrics["train/loss_raw"] });
        watched.lrms.push(metrics["train/lrm"]);
        const { "train/tok_per_sec": tokens, "train/mfu": utilisation } = metrics;
        watched.speeds.push({ tokens, utilisation });
      },
      onOverflow: (step, lossScale) => watched.overflows.push({ step, lossScale }),
      isDue: (step) => given.restAt === step,
      rest: (at, data, end) => Promise.resolve(void watched.rests.push({ at, data, end })),
    }, given.from);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    watched.error = error;
  }
  const read = async (tensor: Parameters<Device["read"]>[0]) =>
    (await device.read(tensor)) as Float32Array;
  for (const { value } of model.parameters.values()) watched.weights.push(await read(value));
  for (const part of optimizer.parts) {
    if (part instanceof AdamW) {
      watched.adamSteps.push(part.steps);
      for (const { m, v } of part.moments) watched.moments.push(await read(m), await read(v));
    } else for (const { momentum } of part.stacks) watched.moments.push(await read(momentum));
  }
  pass.free();
  optimizer.free();
  model.free();
  return watched;
}

/** What a loop did, but for the scale of its loss. */
function unscaled(watched: Watched): Watched {
  const rests = watched.rests.map(({ at: { lossScale: _, ...at }, ...rest }) => ({ at, ...rest }));
  return { ...watched, overflows: [], rests };
}

for (const { name, device } of devices) {
  const test = (what: string, run: (device: Device) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, { ignore: device === undefined }, () => run(device!));

  test("a stop is served while a step's micro-batches are packed", async (device) => {
    const controller = new AbortController();
    const stopped = await watch(device, {
      steps: 3,
      accumulationSteps: 8,
      onBatch: (number) => {
        if (number === 11) controller.abort();
      },
      signal: controller.signal,
    });
    assertEquals(stopped.asked, 11);
    assertEquals(stopped.rests.map(({ at, data, end }) => ({ step: at.step, data, end })), [
      { step: 1, data: 8, end: "stopped" },
    ]);
  });

  test("gradients that overflow are learnt again with a smaller scale", async (device) => {
    const given = { steps: 6, accumulationSteps: 2, restAt: 3, batches: 100 };
    const plain = await watch(device, given);
    // As float16 would: too large a scale makes gradients of some micro-batches infinite.
    const overflow = (number: number, model: GPT, lossScale = 1) => {
      if (number > 3 && lossScale > 2 ** 14) {
        device.write(model.gradient("lm_head.weight"), Float32Array.of(Infinity), 9);
      }
    };
    const scaled = await watch(device, { ...given, isScaled: true, onTrained: overflow });
    assertEquals(scaled.error, undefined);
    assertEquals(scaled.overflows, [{ step: 2, lossScale: 2 ** 15 }, {
      step: 2,
      lossScale: 2 ** 14,
    }]);
    // Nothing is left out, and a power of two changes no bit.
    const scales = scaled.rests.map(({ at }) => at.lossScale);
    assertEquals(scales, [2, 5].map((steps) => ({ value: 2 ** 14, steps })));
    assertEquals(unscaled(scaled), plain);
    // A run that goes on knows the scale.
    const from = scaled.rests[0].at;
    const later = await watch(device, { ...given, isScaled: true, onTrained: overflow, from });
    assertEquals(later.overflows, []);
  });

  test("a step without targets is not learnt again with one after it that overflows", async (device) => {
    const given = {
      steps: 5,
      onBatch: (number: number, { y }: { y: Int32Array }) => void (number === 2 && y.fill(-1)),
    };
    const plain = await watch(device, given);
    const overflow = (number: number, model: GPT, lossScale = 1) => {
      if (number > 1 && lossScale > 2 ** 15) {
        device.write(model.gradient("lm_head.weight"), Float32Array.of(Infinity), 9);
      }
    };
    const scaled = await watch(device, { ...given, isScaled: true, onTrained: overflow });
    assertEquals(scaled.overflows, [{ step: 3, lossScale: 2 ** 15 }]);
    assertEquals(unscaled(scaled), plain);
  });

  test("a stop is served within two micro-batches, and leaves the last whole step", async (device) => {
    const controller = new AbortController();
    let trainedAfter = 0;
    const stopped = await watch(device, {
      steps: 3,
      accumulationSteps: 8,
      signal: controller.signal,
      onTrained: (number) => {
        if (controller.signal.aborted) trainedAfter++;
        if (number === 11) controller.abort();
      },
    });
    assertEquals(trainedAfter, 0);
    assertEquals(stopped.reported.map(({ step }) => step), [1]);
    assertEquals(stopped.rests.map(({ data, end }) => ({ data, end })), [
      { data: 8, end: "stopped" },
    ]);
    assertEquals(stopped.rests[0].at.step, 1);
    // Of a run of as many steps all rates are the same until here.
    const whole = await watch(device, { steps: 3, accumulationSteps: 8, onTrained: () => {} });
    assertEquals(stopped.reported[0], whole.reported[0]);
  });

  for (
    const [what, spoil] of [
      ["gradient of the head", (model: GPT, device: Device) => {
        device.write(model.gradient("lm_head.weight"), Float32Array.of(NaN), 77);
      }],
      ["gradient of a matrix", (model: GPT, device: Device) => {
        device.write(model.gradient("transformer.h.1.mlp.c_fc.weight"), Float32Array.of(-Infinity));
      }],
    ] as const
  ) {
    test(`a step with a ${what} that is not finite changes nothing and ends the run`, async (device) => {
      const failed = await watch(device, {
        steps: 6,
        accumulationSteps: 2,
        onTrained: (number, model) => {
          if (number === 8) spoil(model, device);
        },
      });
      assertStringIncludes(failed.error!.message, "step 4");
      assertStringIncludes(failed.error!.message, "rows 7,8");
      assertEquals(failed.reported.map(({ step }) => step), [1, 2, 3]);
      assertEquals(failed.rests.map(({ data, end }) => ({ data, end })), [
        { data: 6, end: "failed" },
      ]);
      assertEquals(failed.rests[0].at.step, 3);
      assert(failed.asked <= 10, `${failed.asked} micro-batches were asked for`);

      // The same as a run that is stopped there.
      const controller = new AbortController();
      const good = await watch(device, {
        steps: 6,
        accumulationSteps: 2,
        signal: controller.signal,
        onTrained: (number) => {
          if (number === 7) controller.abort();
        },
      });
      assertEquals(failed.rests[0].at, good.rests[0].at);
      assertEquals(failed.weights, good.weights);
      assertEquals(failed.moments, good.moments);
      assertEquals(failed.adamSteps, good.adamSteps);
    });
  }

  test("a step of an epoch has the rate of the micro-batch after its own", async (device) => {
    const epoch = await watch(device, {
      steps: -1,
      accumulationSteps: 2,
      batches: 10,
      restAt: 2,
    });
    // Falling from the middle on: at 3, 5, 7, 9 of 10 micro-batches, and at the end.
    const expected = [1, 1, 0.6, 0.2, 0];
    assertEquals(epoch.lrms.map((rate) => Math.round(rate * 1e6) / 1e6), expected);
    // What was packed ahead is still to be trained on.
    assertEquals(epoch.rests.map(({ at, data, end }) => ({ step: at.step, data, end })), [
      { step: 2, data: 4, end: undefined },
      { step: 5, data: 10, end: "finished" },
    ]);
    assertEquals(epoch.asked, 10);
  });

  test("the log says what share of the device's peak a step takes, where that is known", async (device) => {
    let clock = 0;
    const { speeds } = await watch(device, { steps: 2, now: () => clock += 250 });
    const { flopsPerToken } = new GPT(device, CONFIG);
    const peak = device.peakFlops?.float32;
    assertEquals(peak !== undefined, device.kind === "webgpu");
    for (const { tokens, utilisation } of speeds) {
      assertAlmostEquals(utilisation, peak ? 100 * flopsPerToken * tokens / peak : 0, 1e-6);
      assertEquals(utilisation > 0, peak !== undefined);
    }
    assertEquals(speeds.length, 2);
  });

  test("of the thousands of rows of a step an error names some", async (device) => {
    const failed = await watch(device, {
      steps: 2,
      accumulationSteps: 2,
      rowsOfBatch: (number) => Array(75).fill(number),
      onTrained: (number, model) => {
        if (number === 2) device.write(model.gradient("lm_head.weight"), Float32Array.of(NaN), 77);
      },
    });
    const { message } = failed.error!;
    const named = [...Array(75).fill(1), ...Array(25).fill(2)].join();
    assertStringIncludes(message, `(rows ${named} and 50 more)`);
  });

  test("a loss that is no number is named with its micro-batch's rows", async (device) => {
    const failed = await watch(device, {
      steps: 2,
      accumulationSteps: 4,
      onBatch: (number, { x }) => {
        if (number === 6) x[3] = 63;
      },
      onTrained: (number, model) => {
        // The embedding of a token that only one micro-batch has.
        if (number === 5) {
          const row = new Float32Array(CONFIG.nEmbd).fill(NaN);
          device.write(model.value("transformer.wte.weight"), row, 63 * CONFIG.nEmbd);
        }
      },
    });
    assertStringIncludes(failed.error!.message, "step 2 was not taken: its loss is NaN");
    assertEquals(failed.rests.at(-1)!.end, "failed");
  });

  test("what has no targets is left out of the mean, and a step of it is not taken", async (device) => {
    const without = (numbers: number[]) => (number: number, { y }: { y: Int32Array }) => {
      if (numbers.includes(number)) y.fill(-1);
    };
    const all = await watch(device, { steps: 1, accumulationSteps: 1 });
    const half = await watch(device, { steps: 1, accumulationSteps: 2, onBatch: without([2]) });
    assertEquals(half.reported, all.reported);
    assertEquals(half.weights, all.weights);
    // Without the second step, the third is the second of its moments.
    const gap = await watch(device, { steps: 2, accumulationSteps: 1, onBatch: without([2]) });
    const alone = await watch(device, { steps: 2, accumulationSteps: 1, onBatch: without([1, 2]) });
    assertEquals(gap.adamSteps, gap.adamSteps.map(() => 1));
    assertEquals(alone.adamSteps, alone.adamSteps.map(() => 0));
    assertEquals(alone.reported, []);
    const untouched = await watch(device, { steps: 1, onBatch: without([1]) });
    assertEquals(alone.weights, untouched.weights);
    assertEquals(alone.moments.every((values) => values.every((value) => value === 0)), true);
  });
}
