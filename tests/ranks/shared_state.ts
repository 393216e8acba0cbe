/** Optimizers that ranks within one process share, of the reference's models. */
import { fromFileUrl, join } from "@std/path";
import { openTorchFile, readMeta } from "../../lib/checkpoint/disk/mod.ts";
import { readStateDict, StoredTensor } from "../../lib/checkpoint/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { GPT } from "../../lib/model/mod.ts";
import {
  type LearningRates,
  loadOptimizerShares,
  Optimizer,
  type OptimizerShare,
  parameterGroups,
  type RankOptimizer,
} from "../../lib/optim/mod.ts";
import { ownedGroups } from "../../lib/optim/sharded/ownership.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";

/** The folder of what so many ranks computed. */
export function worldFolder(world: number): string {
  return fromFileUrl(new URL(`../fixtures/ranks/world${world}`, import.meta.url));
}

/** The model after three steps of so many ranks, and the rates of the fourth. */
export async function modelOf(world: number, device: Device) {
  const folder = worldFolder(world);
  const { modelConfig, raw } = await readMeta(join(folder, "meta_000013.json"));
  using file = await openTorchFile(join(folder, "model_000013.pt"));
  const { tensors, parts } = readStateDict(file, modelConfig);
  const model = new GPT(device, modelConfig, { parts, training: true });
  await model.load((name, start, count) => tensors.get(name)!.readFloat32(start, count));
  const { steps } = JSON.parse(await Deno.readTextFile(join(folder, "expected.json")));
  const user = raw.user_config as Record<string, number>;
  const rates: LearningRates = {
    embeddingLr: user.embedding_lr,
    unembeddingLr: user.unembedding_lr,
    matrixLr: user.matrix_lr,
    initLrFrac: steps[3].init_lr_frac,
  };
  return { model, rates };
}

/** What a rank has of a fresh optimizer. */
export function sharedOptimizer(model: GPT, rates: LearningRates, ranks: Ranks): RankOptimizer {
  const { device } = model;
  const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
  const { groups: own, owned } = ownedGroups(device, groups, ranks.rank, ranks.worldSize);
  return { device, ranks, groups, owned, own: new Optimizer(device, own) };
}

/** Paths of the files that so many ranks saved after three steps. */
export function sharesOf(world: number): string[] {
  return Array.from(
    { length: world },
    (_, rank) => join(worldFolder(world), `optim_000010_rank${rank}.pt`),
  );
}

/** Takes over what was saved in files, one for each rank that saved. */
export async function load(optimizer: Parameters<typeof loadOptimizerShares>[0], paths: string[]) {
  using opened = new DisposableStack();
  const shares: OptimizerShare[] = [];
  for (const [rank, name] of paths.entries()) {
    shares.push({ rank, name, tree: opened.use(await openTorchFile(name)).root });
  }
  return await loadOptimizerShares(optimizer, shares);
}

/** A tree of a torch file with its tensors' shapes and numbers. */
export async function readTree(path: string): Promise<unknown> {
  using file = await openTorchFile(path);
  const read = async (value: unknown): Promise<unknown> => {
    if (value instanceof StoredTensor) {
      return { shape: value.shape, data: await value.readFloat32() };
    }
    if (Array.isArray(value)) return await Promise.all(value.map(read));
    if (!(value instanceof Map)) return value;
    const entries = [...value].map(async ([key, item]) => [key, await read(item)] as const);
    return new Map(await Promise.all(entries));
  };
  return await read(file.root);
}
