/**
 * Three steps of the newest Muon, with row equilibration and renormalisation, against the numbers
 * that nanochat of July 2026 computed. A folder has model and batches of its own, or those of the
 * folder of the same name among the parity models.
 */
import { assert, assertAlmostEquals, assertLess } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { openSafetensors, openTorchFile, readMeta } from "../../lib/checkpoint/disk/mod.ts";
import { readStateDict } from "../../lib/checkpoint/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { GPT, Pass } from "../../lib/model/mod.ts";
import { AdamW, Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { RECIPES } from "../../lib/training/mod.ts";
import { devices } from "../device/devices.ts";
import type { Expected } from "../model/parity.ts";

const FIXTURES = fromFileUrl(new URL("../fixtures", import.meta.url));
const folders = [...Deno.readDirSync(join(FIXTURES, "parity_head"))]
  .filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();

/** A file of a folder, or of the parity model of its name. */
function fileOf(folder: string, name: string): string {
  const own = join(FIXTURES, "parity_head", folder, name);
  try {
    Deno.statSync(own);
    return own;
  } catch {
    return join(FIXTURES, "parity", folder, name);
  }
}

/** The tensors of the folder's `expected.safetensors`, and for batches those of its parity model. */
async function readNumbers(folder: string) {
  const numbers = new Map<string, Float32Array>();
  let shape: readonly number[] = [];
  for (const where of ["parity", "parity_head"]) {
    const path = join(FIXTURES, where, folder, "expected.safetensors");
    if (where === "parity" && fileOf(folder, "model_000010.pt").includes("parity_head")) continue;
    using file = await openSafetensors(path);
    for (const [name, tensor] of file.tensors) {
      const isBatch = /^(?:step\d\.)?[xy]$/.test(name);
      if (where === "parity" && !isBatch) continue;
      numbers.set(name, Float32Array.from(await tensor.read() as Float32Array));
      if (name === "x") shape = tensor.shape;
    }
  }
  return { numbers, shape };
}

async function trainAsNewest(device: Device, folder: string): Promise<void> {
  const { modelConfig, raw } = await readMeta(fileOf(folder, "meta_000010.json"));
  using file = await openTorchFile(fileOf(folder, "model_000010.pt"));
  const { tensors, parts } = readStateDict(file, modelConfig);
  const model = new GPT(device, modelConfig, { parts, training: true });
  await model.load((name, start, count) => tensors.get(name)!.readFloat32(start, count));
  const { numbers, shape: [B, T] } = await readNumbers(folder);
  const json = await Deno.readTextFile(join(FIXTURES, "parity_head", folder, "expected.json"));
  const { steps } = JSON.parse(json) as Expected;
  const user = raw.user_config as Record<string, number>;
  const rates = {
    embeddingLr: user.embedding_lr,
    unembeddingLr: user.unembedding_lr,
    matrixLr: user.matrix_lr,
    initLrFrac: steps[0].init_lr_frac,
  };
  const groups = parameterGroups([...model.parameters.values()], modelConfig.nEmbd, rates);
  const optimizer = new Optimizer(device, groups, RECIPES.newest.muon);
  const isAdamW = new Set(
    optimizer.parts.flatMap((part) => part instanceof AdamW ? part.group.parameters : []),
  );
  const pass = new Pass(model, B, T, { training: true });
  const lossSum = device.allocate("loss", [1]);
  for (const [step, { loss, lr_multiplier, muon_momentum }] of steps.entries()) {
    const batch = (name: string) =>
      Int32Array.from(numbers.get(step === 0 ? name : `step${step}.${name}`)!);
    pass.batch.write(batch("x"), batch("y"));
    model.zeroGradients();
    device.zero({ x: lossSum });
    pass.train(lossSum, 1);
    device.submit();
    assertAlmostEquals((await device.read(lossSum))[0], loss, 2e-5);
    optimizer.step(lr_multiplier, muon_momentum);
    const errors: number[] = [];
    let matrices = 0;
    for (const { name, value } of model.parameters.values()) {
      const expected = numbers.get(`step${step}.param.${name}`);
      if (expected === undefined) continue;
      const found = await device.read(value);
      const differences = Array.from(expected, (e, i) => Math.abs(e - found[i]));
      if (isAdamW.has(model.parameters.get(name)!)) {
        for (const difference of differences) errors.push(difference);
      } else {
        matrices++;
        assertLess(Math.max(...differences), 1e-5, `${name} after step ${step}`);
      }
    }
    assert(matrices > 0);
    if (errors.length === 0) continue;
    errors.sort((a, b) => a - b);
    assertLess(errors[Math.ceil(0.999 * errors.length) - 1], 5e-6, `99.9 % after step ${step}`);
    assertLess(errors.at(-1)!, 1e-3, `AdamW's after step ${step}`);
  }
  assert(numbers.has(`step${steps.length - 1}.param.lm_head.weight`));
  device.free(lossSum);
  optimizer.free();
  pass.free();
  model.free();
}

for (const { name, device } of devices) {
  for (const folder of folders) {
    Deno.test(
      `${name}: ${folder}: three steps of the newest Muon`,
      { ignore: device === undefined },
      () => trainAsNewest(device!, folder),
    );
  }
}
