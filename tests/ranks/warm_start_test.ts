/** Eight ranks' state is gone on with by any number of ranks, and one's by eight: the losses agree. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { join } from "@std/path";
import { openSafetensors, writeTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { backwardOrder, Pass, touchedRows } from "../../lib/model/mod.ts";
import {
  Optimizer,
  optimizerState,
  parameterGroups,
  ShardedOptimizer,
} from "../../lib/optim/mod.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { onRanks } from "./in_process.ts";
import { load, modelOf, sharesOf, worldFolder } from "./shared_state.ts";

/** Processes whose batches the reference has. */
const BATCHES = 8;
/** The steps whose batches are taken, the first of which goes on from the state. */
const STEPS = [3, 0, 1, 2];

/** The batches of every step. */
async function batchesOf() {
  using file = await openSafetensors(join(worldFolder(8), "expected.safetensors"));
  const read = async (name: string) =>
    Int32Array.from(await file.tensors.get(name)!.read() as Int32Array);
  const batches: { x: Int32Array; y: Int32Array }[][] = [];
  for (const step of STEPS) {
    const names = Array.from({ length: BATCHES }, (_, rank) => `step${step}.rank${rank}`);
    batches.push(
      await Promise.all(names.map(async (name) => (
        { x: await read(`${name}.x`), y: await read(`${name}.y`) }
      ))),
    );
  }
  const [B, T] = file.tensors.get("step0.rank0.x")!.shape;
  return { batches, B, T };
}

type Batches = Awaited<ReturnType<typeof batchesOf>>;

/** A rank's losses, its batches of each step in order, going on from what was saved. */
async function lossesOf(ranks: Ranks, device: Device, saved: string[], { batches, B, T }: Batches) {
  const { rank, worldSize } = ranks;
  const { model, rates } = await modelOf(8, device);
  const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
  const optimizer = worldSize === 1
    ? new Optimizer(device, groups)
    : await ShardedOptimizer.open(device, groups, ranks, { order: backwardOrder(model) });
  if (saved.length > 0) await load(optimizer, saved);
  const pass = new Pass(model, B, T, { training: true }), loss = device.allocate("loss", [1]);
  const losses: number[][] = [];
  const count = BATCHES / worldSize;
  for (const all of batches) {
    const own = all.slice(rank * count, (rank + 1) * count);
    model.zeroGradients();
    const exchange = optimizer instanceof ShardedOptimizer
      ? optimizer.begin(touchedRows(model, own.map(({ x }) => x), { T }))
      : undefined;
    const ofStep: number[] = [];
    for (const { x, y } of own) {
      pass.batch.write(x, y);
      device.zero({ x: loss });
      pass.train(loss, 1 / count);
      ofStep.push((await device.read(loss))[0] * count);
    }
    losses.push(ofStep);
    assert(await exchange?.finish() ?? true);
    const agreed = { contributors: worldSize, isFinite: true };
    if (optimizer instanceof Optimizer) optimizer.step(1, 0.85);
    else await optimizer.step(1, 0.85, agreed);
  }
  device.free(loss);
  [pass, optimizer, model].forEach((part) => part.free());
  return losses;
}

/** The losses of all batches of each step, whoever took them. */
async function trainOn(worldSize: number, device: Device, saved: string[], batches: Batches) {
  const all = await onRanks(worldSize, (ranks) => lossesOf(ranks, device, saved, batches));
  return STEPS.map((_, step) => all.flatMap((losses) => losses[step]));
}

Deno.test("8 shards go on in 1, 2, 4 and 8 ranks, and 1 in 8, with the same losses", () =>
  inTempDir(async (dir) => {
    const device = await createCpuDevice({ threads: 1 });
    const batches = await batchesOf();
    const one = join(dir, "optim_000013_rank0.pt");
    const { model, rates } = await modelOf(8, device);
    const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
    const optimizer = new Optimizer(device, groups);
    await load(optimizer, sharesOf(8));
    await writeTorchFile(one, optimizerState(optimizer, { multiplier: 1, mu: 0.85 }));
    optimizer.free();
    model.free();

    const json = JSON.parse(await Deno.readTextFile(join(worldFolder(8), "expected.json")));
    const expected = await trainOn(8, device, sharesOf(8), batches);
    for (const [rank, loss] of (json.steps[3].losses as number[]).entries()) {
      assertLess(Math.abs(expected[0][rank] - loss), 2e-5);
    }
    // What is taken over counts: a fresh state goes another way.
    const fresh = await trainOn(8, device, [], batches);
    assert(fresh[1].some((loss, i) => Math.abs(loss - expected[1][i]) > 1e-2));
    for (
      const [size, saved] of [[1, sharesOf(8)], [2, sharesOf(8)], [4, sharesOf(8)], [8, [
        one,
      ]]] as const
    ) {
      const losses = await trainOn(size, device, [...saved], batches);
      assertEquals(losses.flat().length, STEPS.length * BATCHES);
      for (const [step, ofStep] of losses.entries()) {
        for (const [i, loss] of ofStep.entries()) {
          assertLess(Math.abs(loss - expected[step][i]), 1e-4, `${size} ranks, step ${step}`);
        }
      }
    }
    await device.close();
  }));
