/** The shares of several processes are one state, from which one process goes on as they did. */
import { assertEquals, assertLess } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import {
  type CheckpointFiles,
  openSafetensors,
  openTorchFile,
  readMeta,
  writeTorchFile,
} from "../../lib/checkpoint/disk/mod.ts";
import { readStateDict } from "../../lib/checkpoint/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { GPT, Pass } from "../../lib/model/mod.ts";
import { optimizerState } from "../../lib/optim/mod.ts";
import { openOptimizer } from "../../lib/training/mod.ts";
import { devices } from "../device/devices.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { statesOf } from "./era_optimizer.ts";

const RANKS = fromFileUrl(new URL("../fixtures/ranks", import.meta.url));

/** A step of all ranks. */
interface Step {
  losses: number[];
  mean_loss: number;
  lr_multiplier: number;
  init_lr_frac: number;
  muon_momentum: number;
}

/** The model after three steps, with these files of its optimizer's state. */
async function openRun(device: Device, directory: string, optimizers: string[]) {
  const paths = {
    model: join(directory, "model_000013.pt"),
    meta: join(directory, "meta_000013.json"),
  };
  const { modelConfig, raw } = await readMeta(paths.meta);
  using file = await openTorchFile(paths.model);
  const { tensors, parts } = readStateDict(file, modelConfig);
  const model = new GPT(device, modelConfig, { parts, training: true });
  await model.load((name, start, count) => tensors.get(name)!.readFloat32(start, count));
  const json = await Deno.readTextFile(join(directory, "expected.json"));
  const steps = JSON.parse(json).steps as Step[];
  const user = raw.user_config as Record<string, number>;
  const rates = {
    embeddingLr: user.embedding_lr,
    unembeddingLr: user.unembedding_lr,
    matrixLr: user.matrix_lr,
    initLrFrac: steps[3].init_lr_frac,
  };
  const files: CheckpointFiles = {
    directory,
    tag: "d3",
    step: 13,
    ...paths,
    optimizers: new Map(optimizers.map((path, rank) => [rank, path])),
  };
  const console = new MemoryTerminal();
  const start = { isWarm: true, isResumed: false };
  const optimizer = await openOptimizer({ model, files }, rates, start, console);
  return { model, optimizer, step: steps[3], printed: console.stdout };
}

type Run = Awaited<ReturnType<typeof openRun>>;
/** What the ranks computed. */
interface Reference {
  /** Tensors by name. */
  numbers: Map<string, Float32Array>;
  /** (B, T) of a rank's batch. */
  shape: readonly number[];
}

async function referenceOf(path: string): Promise<Reference> {
  using file = await openSafetensors(path);
  const entries = [...file.tensors].map(async ([name, tensor]) => {
    return [name, Float32Array.from(await tensor.read() as Float32Array)] as const;
  });
  const { shape } = file.tensors.get("step3.rank0.x")!;
  return { numbers: new Map(await Promise.all(entries)), shape };
}

/** The fourth step of all ranks in one process: their losses, and the parameters after it. */
async function trainStep({ model, optimizer, step }: Run, { numbers, shape: [B, T] }: Reference) {
  const { device } = model, ranks = step.losses.length;
  const pass = new Pass(model, B, T, { training: true });
  const lossSum = device.allocate("loss", [1]);
  model.zeroGradients();
  const losses: number[] = [];
  for (let rank = 0; rank < ranks; rank++) {
    const batch = (name: string) => Int32Array.from(numbers.get(`step3.rank${rank}.${name}`)!);
    pass.batch.write(batch("x"), batch("y"));
    device.zero({ x: lossSum });
    pass.train(lossSum, 1 / ranks);
    device.submit();
    losses.push((await device.read(lossSum))[0] * ranks);
  }
  optimizer.step(step.lr_multiplier, step.muon_momentum);
  const parameters = new Map<string, Float32Array>();
  for (const { name, value } of model.parameters.values()) {
    parameters.set(name, Float32Array.from(await device.read(value)));
  }
  device.free(lossSum);
  pass.free();
  return { losses, parameters };
}

for (const world of [2, 8]) {
  for (const { name: deviceName, device } of devices) {
    Deno.test({
      name: `${deviceName}: the shares of ${world} ranks are the state of one process`,
      ignore: device === undefined,
      fn: () =>
        inTempDir(async (dir) => {
          const directory = join(RANKS, `world${world}`);
          const shares = Array.from(
            { length: world },
            (_, rank) => join(directory, `optim_000010_rank${rank}.pt`),
          );
          const reference = await referenceOf(join(directory, "expected.safetensors"));
          const { numbers } = reference;
          const run = await openRun(device!, directory, shares);
          assertEquals(run.printed.includes(`and the ${world - 1} other shares`), true);

          // As one process would hold it, a Muon group under its first parameter.
          const states = await statesOf(run.optimizer);
          for (const { group } of run.optimizer.parts) {
            const keys = group.kind === "adamw"
              ? ["exp_avg", "exp_avg_sq"]
              : ["momentum_buffer", "second_momentum_buffer"];
            for (const key of keys) {
              const found = group.parameters.map(({ name }) => states.get(`${name}.${key}`)!.data);
              const expected = group.kind === "adamw"
                ? group.parameters.map(({ name }) => numbers.get(`state.${name}.${key}`))
                : [numbers.get(`state.${group.parameters[0].name}.${key}`)];
              assertEquals(
                found.flatMap((data) => [...data]),
                expected.flatMap((data) => [...data!]),
              );
            }
          }

          const whole = join(dir, "optim_000010_rank0.pt");
          await writeTorchFile(whole, optimizerState(run.optimizer, { multiplier: 1, mu: 0.95 }));
          const resumed = await trainStep(run, reference);
          for (const [rank, loss] of run.step.losses.entries()) {
            assertLess(Math.abs(resumed.losses[rank] - loss), 2e-5);
          }
          for (const { parameters, kind } of run.optimizer.parts.map(({ group }) => group)) {
            for (const { name } of parameters) {
              const expected = numbers.get(`step3.param.${name}`)!,
                found = resumed.parameters.get(name)!;
              const worst = Math.max(...expected.map((value, i) => Math.abs(value - found[i])));
              assertLess(worst, kind === "muon" ? 1e-6 : 3e-5, name);
            }
          }
          run.optimizer.free();
          run.model.free();

          const assembled = await openRun(device!, directory, [whole]);
          assertEquals(await trainStep(assembled, reference), resumed);
          assembled.optimizer.free();
          assembled.model.free();
        }),
    });
  }
}
