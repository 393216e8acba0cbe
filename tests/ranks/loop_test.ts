/** The training loop of several ranks: they take the same steps, stop together and fail together. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { backwardOrder, GPT, initialParameters, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups, ShardedOptimizer } from "../../lib/optim/mod.ts";
import { type Ranks, SINGLE } from "../../lib/ranks/mod.ts";
import { type RunEnd, runTrainingLoop, type TrainingBatch } from "../../lib/training/mod.ts";
import { inProcess } from "./in_process.ts";

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
const B = 2, T = 16;

/** What ranks are given. */
interface Given {
  /** Optimizer steps; −1 for an epoch. */
  steps: number;
  accumulationSteps?: number;
  /** The token that begins each conversation, where those of a row are isolated. */
  separator?: number;
  /** Changes a rank's micro-batch of this number, from 1. */
  onBatch?: (rank: number, number: number, batch: TrainingBatch) => void;
  /** Called when a rank's micro-batch of this number is about to be computed. */
  onTraining?: (rank: number, number: number, model: GPT) => void;
  /** What stops each rank. */
  controllers?: AbortController[];
}

/** What a rank's loop did. */
interface Watched {
  reported: { step: number; loss: number; lrm: number; progress: number }[];
  rests: { step: number; data: number; end?: RunEnd }[];
  error?: UserError;
  weights: Float32Array[];
}

/** The micro-batch of a number, from 0. */
function batchOf(number: number): TrainingBatch {
  const x = Int32Array.from({ length: B * T }, (_, i) => (number * 7 + i * 5) % 61);
  return { x, y: x.map((id) => (id + 5) % 64), epoch: 1, progress: 0, rows: [number] };
}

/** Runs a loop on one rank: of the micro-batches it has every worldSize-th, from its rank on. */
async function watch(ranks: Ranks, given: Given): Promise<Watched> {
  const { rank, worldSize } = ranks;
  await using devices = new AsyncDisposableStack();
  const device: Device = await createCpuDevice({ threads: 1 });
  devices.defer(() => device.close());
  const { steps, accumulationSteps = 1, separator, onBatch, onTraining, controllers } = given;
  const model = new GPT(device, CONFIG, { training: true });
  await model.load(initialParameters(CONFIG, 1));
  const groups = parameterGroups([...model.parameters.values()], CONFIG.nEmbd, RATES);
  const order = backwardOrder(model);
  const optimizer = worldSize === 1
    ? new Optimizer(device, groups)
    : await ShardedOptimizer.open(device, groups, ranks, { order });
  let asked = 0, trained = 0;
  class WatchedPass extends Pass {
    override *training(...args: Parameters<Pass["training"]>) {
      onTraining?.(rank, ++trained, model);
      yield* super.training(...args);
    }
  }
  const pass = new WatchedPass(model, B, T, { training: true, separator });
  const watched: Watched = { reported: [], rests: [], weights: [] };
  const controller = controllers?.[rank] ?? new AbortController();
  try {
    await runTrainingLoop({
      pass,
      optimizer,
      ranks,
      accumulationSteps,
      numIterations: steps,
      schedule: { warmupRatio: 0, warmdownRatio: 0.5, finalLrFrac: 0 },
      signal: controller.signal,
      stop: () => controller.abort(),
      now: () => 0,
      nextBatch: () => {
        const batch = batchOf(rank + asked++ * worldSize);
        onBatch?.(rank, asked, batch);
        return batch;
      },
      dataState: () => asked,
      nameRows: (rows) => `rows ${rows}`,
      onStep: (step, metrics) => {
        watched.reported.push({
          step,
          loss: metrics["train/loss_raw"],
          lrm: metrics["train/lrm"],
          progress: metrics["train/progress"],
        });
      },
      isDue: () => false,
      rest: ({ step }, data, end) => Promise.resolve(void watched.rests.push({ step, data, end })),
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    watched.error = error;
  }
  for (const { value } of model.parameters.values()) {
    watched.weights.push(await device.read(value) as Float32Array);
  }
  return watched;
}

function onRanks(worldSize: number, given: Given): Promise<Watched[]> {
  return Promise.all(inProcess(worldSize).map((ranks) => watch(ranks, given)));
}

function assertClose(actual: Float32Array[], expected: Float32Array[]): void {
  for (const [i, values] of expected.entries()) {
    for (const [j, value] of values.entries()) assertAlmostEquals(actual[i][j], value, 2e-5);
  }
}

Deno.test("ranks take the steps of one process with all their micro-batches", async () => {
  for (const separator of [undefined, 40]) {
    const alone = await watch(SINGLE, { steps: 3, accumulationSteps: 4, separator });
    const [first, second] = await onRanks(2, { steps: 3, accumulationSteps: 2, separator });
    assertEquals(first.reported, second.reported);
    assertEquals(first.weights, second.weights);
    assertEquals(first.reported.map(({ lrm }) => lrm), alone.reported.map(({ lrm }) => lrm));
    for (const [i, { loss }] of alone.reported.entries()) {
      assertAlmostEquals(first.reported[i].loss, loss, 1e-4);
    }
  }
});

Deno.test("a rank that is told to stop stops all, at the same step", async () => {
  for (const stopped of [0, 1]) {
    const controllers = [new AbortController(), new AbortController()];
    const all = await onRanks(2, {
      steps: 5,
      accumulationSteps: 4,
      controllers,
      onTraining: (rank, number) => {
        if (rank === stopped && number === 6) controllers[rank].abort();
      },
    });
    for (const { rests, reported } of all) {
      assertEquals(rests, [{ step: 1, data: 4, end: "stopped" }]);
      assertEquals(reported.map(({ step }) => step), [1]);
    }
    assertEquals(all[0].weights, all[1].weights);
    assertEquals(controllers.map(({ signal }) => signal.aborted), [true, true]);
  }
});

Deno.test("a stop while one packs stops all too", async () => {
  const controllers = [new AbortController(), new AbortController()];
  const all = await onRanks(2, {
    steps: 5,
    accumulationSteps: 4,
    controllers,
    onBatch: (rank, number) => {
      if (rank === 1 && number === 6) controllers[1].abort();
    },
  });
  for (const { rests } of all) assertEquals(rests, [{ step: 1, data: 4, end: "stopped" }]);
});

for (const spoiler of [0, 1]) {
  Deno.test(`a gradient of rank ${spoiler} that is not finite ends the run on all`, async () => {
    const all = await onRanks(2, {
      steps: 5,
      onTraining: (rank, number, model) => {
        if (rank !== spoiler || number !== 3) return;
        const gradient = model.gradient("transformer.h.1.mlp.c_fc.weight");
        model.device.write(gradient, Float32Array.of(-Infinity));
      },
    });
    const controllers = [new AbortController(), new AbortController()];
    const good = await onRanks(2, {
      steps: 5,
      controllers,
      onTraining: (rank, number) => {
        if (number === 3) controllers[rank].abort();
      },
    });
    for (const [rank, { error, reported, rests, weights }] of all.entries()) {
      assertStringIncludes(error!.message, "step 3 was not taken: its gradients");
      assertStringIncludes(error!.message, "(rows 4,5)");
      assertEquals(reported, good[rank].reported);
      assertEquals(rests, [{ step: 2, data: 2, end: "failed" }]);
      assertEquals(weights, good[rank].weights);
    }
  });
}

Deno.test("a loss of one rank that is no number is named on all, with its rows", async () => {
  const all = await onRanks(2, {
    steps: 5,
    accumulationSteps: 2,
    onBatch: (rank, number, { x }) => {
      if (rank === 1 && number === 4) x[3] = 63;
    },
    onTraining: (rank, number, model) => {
      if (rank !== 1 || number !== 4) return;
      const row = new Float32Array(CONFIG.nEmbd).fill(NaN);
      model.device.write(model.value("transformer.wte.weight"), row, 63 * CONFIG.nEmbd);
    },
  });
  for (const { error, rests } of all) {
    assertStringIncludes(error!.message, "step 2 was not taken: its loss is NaN (rows 7)");
    assertEquals(rests.at(-1)!.end, "failed");
  }
});

Deno.test("an epoch has one progress, and ends for all at the first rank's end", async () => {
  const all = await onRanks(4, {
    steps: -1,
    // Rank 1 is faster than the others.
    onBatch: (rank, number, batch) => void (batch.progress = number * (rank === 1 ? 0.2 : 0.1)),
  });
  const lrms = all[1].reported.map(({ lrm }) => lrm);
  assertEquals(lrms.map((rate) => Math.round(rate * 1e6) / 1e6), [1, 0.8, 0.4, 0, 0]);
  for (const { reported, rests, weights } of all) {
    assertEquals(reported, all[0].reported);
    assertEquals(rests, [{ step: 5, data: 5, end: "finished" }]);
    assertEquals(weights, all[0].weights);
  }
  assertEquals(all[0].reported.map(({ progress }) => progress), [
    0.2,
    0.4,
    0.6000000000000001,
    0.8,
    1,
  ]);
});

Deno.test("a rank without targets has no part in the mean", async () => {
  const alone = await watch(SINGLE, {
    steps: 2,
    onBatch: (_, number, batch) => Object.assign(batch, batchOf(2 * (number - 1))),
  });
  const all = await onRanks(2, {
    steps: 2,
    onBatch: (rank, _, { y }) => {
      if (rank === 1) y.fill(-1);
    },
  });
  for (const { reported, weights } of all) {
    for (const [i, { loss }] of alone.reported.entries()) {
      assertAlmostEquals(reported[i].loss, loss, 1e-5);
    }
    assertClose(weights, alone.weights);
  }
  const none = await onRanks(2, { steps: 2, onBatch: (_, __, { y }) => y.fill(-1) });
  for (const { reported, rests } of none) {
    assertEquals(reported, []);
    assertEquals(rests.at(-1), { step: 2, data: 2, end: "finished" });
  }
  assert(none[0].weights[0].every((value) => Number.isFinite(value)));
});
