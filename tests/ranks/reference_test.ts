/**
 * Ranks against nanochat's own, of every folder of `tests/fixtures/ranks`: gradients, parameters after
 * each step, the files that each rank saves, and the step that a resumed run takes.
 *
 * How far numbers may differ is what nanochat differs from itself with another BLAS: AdamW divides
 * gradients near zero by themselves, so of its parameters one in a thousand may be further away.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import {
  openSafetensors,
  openTorchFile,
  readMeta,
  writeTorchFile,
} from "../../lib/checkpoint/disk/mod.ts";
import { readStateDict } from "../../lib/checkpoint/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { backwardOrder, GPT, Pass, touchedRows } from "../../lib/model/mod.ts";
import { parameterGroups, ShardedOptimizer, ShardStates } from "../../lib/optim/mod.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";
import { devices } from "../device/devices.ts";
import { inTempDir } from "../temp_dir.ts";
import { onRanks } from "./in_process.ts";
import { load, readTree } from "./shared_state.ts";

const RANKS = fromFileUrl(new URL("../fixtures/ranks", import.meta.url));

/** What a folder's `expected.json` says of a step. */
interface Step {
  losses: number[];
  lr_multiplier: number;
  init_lr_frac: number;
  muon_momentum: number;
  groups: { kind: "adamw" | "muon"; weight_decay: number }[];
}

/** A folder: what its ranks were given and computed. */
interface Reference {
  directory: string;
  worldSize: number;
  steps: Step[];
  numbers: Map<string, { shape: readonly number[]; data: Float32Array }>;
}

async function referenceOf(directory: string): Promise<Reference> {
  const json = JSON.parse(await Deno.readTextFile(join(directory, "expected.json")));
  using file = await openSafetensors(join(directory, "expected.safetensors"));
  const numbers: Reference["numbers"] = new Map();
  for (const [name, tensor] of file.tensors) {
    numbers.set(name, {
      shape: tensor.shape,
      data: Float32Array.from(await tensor.read() as Float32Array),
    });
  }
  return { directory, worldSize: json.world_size, steps: json.steps, numbers };
}

/** A rank's model at a step, and its part of a fresh optimizer. */
async function openRank(device: Device, reference: Reference, at: string, ranks: Ranks) {
  const { directory, steps } = reference;
  const { modelConfig, raw } = await readMeta(join(directory, `meta_${at}.json`));
  using file = await openTorchFile(join(directory, `model_${at}.pt`));
  const { tensors, parts } = readStateDict(file, modelConfig);
  const model = new GPT(device, modelConfig, { parts, training: true });
  await model.load((name, start, count) => tensors.get(name)!.readFloat32(start, count));
  const user = raw.user_config as Record<string, number>;
  const rates = {
    embeddingLr: user.embedding_lr,
    unembeddingLr: user.unembedding_lr,
    matrixLr: user.matrix_lr,
    initLrFrac: steps[0].init_lr_frac,
  };
  const decay = steps[0].groups.find(({ kind }) => kind === "muon")?.weight_decay;
  const parameters = [...model.parameters.values()];
  const groups = parameterGroups(parameters, modelConfig.nEmbd, rates, decay);
  const order = backwardOrder(model);
  const optimizer = await ShardedOptimizer.open(device, groups, ranks, { order });
  const [B, T] = reference.numbers.get("step0.rank0.x")!.shape;
  const pass = new Pass(model, B, T, { training: true });
  const free = () => [pass, optimizer, model].forEach((part) => part.free());
  return { model, optimizer, pass, free };
}

type Rank = Awaited<ReturnType<typeof openRank>>;

/**
 * Takes a rank's part in a step.
 *
 * @param of Whose micro-batches it has.
 * @returns The loss of each.
 */
async function takeStep(
  { model, optimizer, pass }: Rank,
  { numbers, steps }: Reference,
  step: number,
  of = [optimizer.ranks.rank],
): Promise<number[]> {
  const { device } = model;
  const batches = of.map((rank) => {
    const [x, y] = ["x", "y"].map((name) => numbers.get(`step${step}.rank${rank}.${name}`)!.data);
    return { x: Int32Array.from(x), y: Int32Array.from(y) };
  });
  const loss = device.allocate("loss", [1]), losses: number[] = [];
  model.zeroGradients();
  const exchange = optimizer.begin(touchedRows(model, batches.map(({ x }) => x), pass));
  for (const [i, { x, y }] of batches.entries()) {
    device.zero({ x: loss });
    pass.batch.write(x, y);
    for (const buckets of pass.training(loss, 1 / of.length)) {
      if (i + 1 === of.length) exchange.ready(buckets);
    }
    losses.push((await device.read(loss))[0] * of.length);
  }
  assert(await exchange.finish());
  const { lr_multiplier, muon_momentum } = steps[step];
  const agreed = { contributors: optimizer.ranks.worldSize, isFinite: true };
  await optimizer.step(lr_multiplier, muon_momentum, agreed);
  device.free(loss);
  return losses;
}

/** The distances of numbers from the reference's, in rising order. */
function distances(found: ArrayLike<number>, expected: Float32Array): Float64Array {
  assertEquals(found.length, expected.length);
  return Float64Array.from(expected, (value, i) => Math.abs(found[i] - value)).sort();
}

/** Checks a rank's parameters after a step. */
async function checkParameters({ model, optimizer }: Rank, { numbers }: Reference, step: number) {
  const adamw: number[] = [];
  for (const { kind, parameters } of optimizer.groups) {
    for (const { name, value } of parameters) {
      const expected = numbers.get(`step${step}.param.${name}`)!.data;
      const far = distances(await model.device.read(value), expected);
      if (kind === "muon") assertLess(far.at(-1)!, 1e-5, `${name} after step ${step}`);
      else adamw.push(...far);
    }
  }
  adamw.sort((a, b) => a - b);
  assertLess(adamw.at(-1)!, 1e-4, `AdamW's after step ${step}`);
  assertLess(adamw[Math.floor(0.999 * adamw.length) - 1], 5e-6, `AdamW's after step ${step}`);
}

/** Checks the mean gradients of what a rank updates. */
async function checkGradients({ model, optimizer }: Rank, { numbers }: Reference) {
  for (const { parameter: { name, gradient }, stretch: { start, count } } of optimizer.owned) {
    const found = await model.device.read(gradient!);
    const expected = numbers.get(`grad.${name}`)!.data.subarray(start, start + count);
    assertLess(distances(found, expected).at(-1)!, 1e-6, `gradient of ${name}`);
  }
}

type Tree = Map<unknown, unknown>;

/** Checks a file of a rank: the same keys, shapes and padding, and numbers as near as parameters. */
function checkShard(found: unknown, expected: unknown, where: string): void {
  const [state, reference] = [found, expected].map((tree) => (tree as Tree).get("state") as Tree);
  assertEquals([...state.keys()], [...reference.keys()], where);
  for (const [number, entries] of reference as Map<unknown, Tree>) {
    const own = state.get(number) as Tree;
    assertEquals([...own.keys()].sort(), [...entries.keys()].sort(), `${where} ${number}`);
    for (const [key, value] of entries) {
      const name = `${where}: ${key} of ${number}`;
      const [a, b] = [own.get(key), value] as { shape: number[]; data: Float32Array }[];
      if (typeof value === "number") {
        assertEquals(own.get(key), value, name);
        continue;
      }
      assertEquals(a.shape, b.shape, name);
      const largest = b.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      assertLess(distances(a.data, b.data).at(-1)! / Math.max(largest, 1e-12), 5e-5, name);
      // Slots past the last matrix are zero, and so are rows that no rank touched.
      const padding = b.data.findLastIndex((x) => x !== 0) + 1;
      assert(a.data.subarray(padding).every((x) => x === 0), name);
    }
  }
  const groups = [found, expected].map((tree) =>
    ((tree as Tree).get("param_groups") as Tree[]).map((group) => [
      group.get("kind"),
      group.get("params"),
    ])
  );
  assertEquals(groups[0], groups[1], where);
}

for (const { name: folder } of [...Deno.readDirSync(RANKS)].filter((entry) => entry.isDirectory)) {
  const reference = await referenceOf(join(RANKS, folder));
  const { directory, worldSize, steps } = reference;
  for (const { name, device } of devices) {
    const ignore = device === undefined;
    Deno.test({
      name: `${name}: the steps and files of ${folder}`,
      ignore,
      fn: () =>
        inTempDir(async (dir) => {
          await onRanks(worldSize, async (ranks) => {
            const rank = await openRank(device!, reference, "000010", ranks);
            for (const step of [0, 1, 2]) {
              const [loss] = await takeStep(rank, reference, step);
              assertLess(Math.abs(loss - steps[step].losses[ranks.rank]), 2e-5);
              if (step === 0) await checkGradients(rank, reference);
              await checkParameters(rank, reference, step);
            }
            const { lr_multiplier: multiplier, muon_momentum: mu } = steps[2];
            const shards = new ShardStates(rank.optimizer, { multiplier, mu });
            await shards.whileServed(async () => {
              for (const [r, state] of shards.states.entries()) {
                await writeTorchFile(join(dir, `${r}.pt`), state);
              }
            });
            rank.free();
          });
          for (let r = 0; r < worldSize; r++) {
            const own = await readTree(join(dir, `${r}.pt`));
            const its = await readTree(join(directory, `optim_000010_rank${r}.pt`));
            checkShard(own, its, `rank ${r}`);
          }
        }),
    });
    for (const size of new Set([worldSize, 1])) {
      Deno.test({
        name: `${name}: ${folder} goes on as it did in ${size === 1 ? "one process" : "as many"}`,
        ignore,
        fn: async () => {
          const its = Array.from({ length: worldSize }, (_, rank) => rank);
          const shares = its.map((r) => join(directory, `optim_000010_rank${r}.pt`));
          await onRanks(size, async (ranks) => {
            const rank = await openRank(device!, reference, "000013", ranks);
            await load(rank.optimizer, shares);
            const of = its.filter((r) => r % size === ranks.rank);
            for (const [i, loss] of (await takeStep(rank, reference, 3, of)).entries()) {
              assertLess(Math.abs(loss - steps[3].losses[of[i]]), 2e-5);
            }
            await checkParameters(rank, reference, 3);
            rank.free();
          });
        },
      });
    }
  }
}
