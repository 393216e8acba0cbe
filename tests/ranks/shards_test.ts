/** The files of several ranks: what nanochat's hold, and any number of them for any number of ranks. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { openSafetensors, writeTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { StoredTensor } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import {
  AdamW,
  Optimizer,
  optimizerState,
  parameterGroups,
  ShardStates,
} from "../../lib/optim/mod.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";
import { Float64Device } from "../device/float64_device.ts";
import { statesOf } from "../optim/era_optimizer.ts";
import { inTempDir } from "../temp_dir.ts";
import { onRanks } from "./in_process.ts";
import { load, modelOf, readTree, sharedOptimizer, sharesOf, worldFolder } from "./shared_state.ts";

const NOW = { multiplier: 1, mu: 0.85 };
const paths = (dir: string, world: number) =>
  Array.from({ length: world }, (_, rank) => join(dir, `optim_${rank}.pt`));

/** What ranks have of the optimizer of a world's model, once they took over what was saved. */
async function warm(ranks: Ranks, world: number, saved: string[]) {
  const { model, rates } = await modelOf(world, new Float64Device());
  const optimizer = sharedOptimizer(model, rates, ranks);
  await load(optimizer, saved);
  return optimizer;
}

/** Saves the state that ranks share in as many files. */
function save(optimizer: Awaited<ReturnType<typeof warm>>, files: string[]) {
  const shards = new ShardStates(optimizer, NOW);
  return shards.whileServed(async () => {
    for (const [rank, state] of shards.states.entries()) await writeTorchFile(files[rank], state);
  });
}

/** What one process has once it took over what was saved. */
async function whole(world: number, saved: string[]) {
  const { model, rates } = await modelOf(world, new Float64Device());
  const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
  const optimizer = new Optimizer(model.device, groups);
  await load(optimizer, saved);
  return optimizer;
}

for (const world of [2, 8]) {
  Deno.test(`the files of ${world} ranks are those of nanochat's`, () =>
    inTempDir(async (dir) => {
      const files = paths(dir, world), saved = sharesOf(world);
      await onRanks(world, async (ranks) => await save(await warm(ranks, world, saved), files));
      for (const [rank, file] of files.entries()) {
        const [found, expected] = [await readTree(file), await readTree(saved[rank])]
          .map((tree) => tree as Map<string, unknown>);
        assertEquals([...found.keys()], [...expected.keys()]);
        assertEquals(found.get("state"), expected.get("state"), `rank ${rank}`);
        const groups = (tree: Map<string, unknown>) =>
          tree.get("param_groups") as Map<string, unknown>[];
        for (const [i, group] of groups(expected).entries()) {
          const own = groups(found)[i];
          assertEquals(
            ["kind", "params", "eps", "ns_steps"].map((key) => own.get(key)),
            ["kind", "params", "eps", "ns_steps"].map((key) => group.get(key)),
          );
          assertEquals(new Set(own.keys()), new Set(group.keys()));
        }
        assertEquals(groups(found), groups(await readTree(files[0]) as Map<string, unknown>));
      }
    }));
}

Deno.test("any number of shares are taken over by any number of ranks", () =>
  inTempDir(async (dir) => {
    using file = await openSafetensors(join(worldFolder(8), "expected.safetensors"));
    const one = join(dir, "one.pt");
    await writeTorchFile(one, optimizerState(await whole(8, sharesOf(8)), NOW));
    const saves: [string[], number[]][] = [[sharesOf(8), [1, 2, 3, 4, 8]], [[one], [8, 2]]];
    for (const [saved, sizes] of saves) {
      for (const size of sizes) {
        const files = paths(dir, size);
        const steps = await onRanks(size, async (ranks) => {
          const optimizer = await warm(ranks, 8, saved);
          await save(optimizer, files);
          const { parts } = optimizer.own;
          return parts.flatMap((part) => part instanceof AdamW ? part.steps : []);
        });
        assertEquals(new Set(steps.flat()), new Set([3]));
        const again = await whole(8, files), states = await statesOf(again);
        for (const { group: { kind, parameters } } of again.parts) {
          const first = parameters[0].name;
          const keys = kind === "adamw"
            ? ["exp_avg", "exp_avg_sq"]
            : ["momentum_buffer", "second_momentum_buffer"];
          for (const key of keys) {
            const found = parameters.flatMap(({ name }) => [...states.get(`${name}.${key}`)!.data]);
            const names = kind === "adamw" ? parameters.map(({ name }) => name) : [first];
            const expected = await Promise.all(
              names.map((name) =>
                (file.tensors.get(`state.${name}.${key}`) as StoredTensor).readFloat32()
              ),
            );
            assertEquals(found, expected.flatMap((data) => [...data]), `${size}: ${first}.${key}`);
          }
        }
      }
    }
  }));

Deno.test("what one rank finds wrong keeps all ranks from taking anything over", () =>
  inTempDir(async (dir) => {
    // A byte of the last rows, which only the last rank needs, is another.
    const saved = sharesOf(8), bytes = await Deno.readFile(saved[7]);
    const text = new TextDecoder("latin1").decode(bytes);
    bytes[text.indexOf("/data/3") + 1000] ^= 1;
    saved[7] = join(dir, "damaged.pt");
    await Deno.writeFile(saved[7], bytes);
    for (const size of [1, 2, 4, 8]) {
      await onRanks(size, async (ranks) => {
        const { model, rates } = await modelOf(8, new Float64Device());
        const optimizer = sharedOptimizer(model, rates, ranks);
        const { message } = await assertRejects(() => load(optimizer, saved), UserError);
        const finder = size - 1;
        const where = ranks.rank === finder ? saved[7] : `rank ${finder}: ${saved[7]}`;
        assertEquals(message.startsWith(`${where}: its entry "`), true, message);
        const states = await statesOf(optimizer.own);
        assertEquals([...states.values()].some(({ data }) => data.some((x) => x !== 0)), false);
      });
    }
  }));

Deno.test("what each of many ranks reads in part is compared with its checksum", () =>
  inTempDir(async (dir) => {
    const path = join(dir, "one.pt");
    await writeTorchFile(path, optimizerState(await whole(8, sharesOf(8)), NOW));
    const bytes = await Deno.readFile(path), text = new TextDecoder("latin1").decode(bytes);
    for (const tensor of [2, 5, 20]) {
      const damaged = Uint8Array.from(bytes);
      damaged[text.indexOf(`/data/${tensor}`) + 600] ^= 1;
      await Deno.writeFile(path, damaged);
      await onRanks(8, async (ranks) => {
        const { model, rates } = await modelOf(8, new Float64Device());
        const optimizer = sharedOptimizer(model, rates, ranks);
        await assertRejects(
          () => load(optimizer, [path]),
          UserError,
          `/data/${tensor}" is damaged`,
        );
      });
    }
  }));

Deno.test("what is wrong where no rank keeps anything is found", () =>
  inTempDir(async (dir) => {
    // Seven matrices fill eight ranks' files but the last.
    const tree = await readTree(sharesOf(8)[7]) as Map<string, Map<number, Map<string, unknown>>>;
    const tensors = new Map([...tree.get("state")!].map(([id, entries]) => [
      id,
      new Map([...entries].map(([key, value]): [string, number | StoredTensor] => {
        if (typeof value === "number") return [key, value];
        const { shape, data } = value as { shape: number[]; data: Float32Array<ArrayBuffer> };
        if (key === "momentum_buffer") data[data.length - 1] ||= 0.5;
        return [key, StoredTensor.fromArray(key, "float32", shape, data)];
      })),
    ]));
    const saved = [...sharesOf(8).slice(0, 7), join(dir, "padding.pt")];
    await writeTorchFile(saved[7], { ...Object.fromEntries(tree), state: tensors });
    for (const size of [2, 8]) {
      await onRanks(size, async (ranks) => {
        const { model, rates } = await modelOf(8, new Float64Device());
        const optimizer = sharedOptimizer(model, rates, ranks);
        await assertRejects(
          () => load(optimizer, saved),
          UserError,
          "should be zero past the last",
        );
      });
    }
  }));

Deno.test("a rank that cannot be read, or a writer that fails, leaves none waiting", async () => {
  for (const fault of ["read", "write"]) {
    const ends = await onRanks(4, async (ranks) => {
      const { model, rates } = await modelOf(8, new Float64Device());
      const optimizer = sharedOptimizer(model, rates, ranks), { device } = optimizer;
      if (fault === "read" && ranks.rank === 2) {
        device.read = () => Promise.reject(new UserError("the device was lost"));
      }
      const shards = new ShardStates(optimizer, NOW);
      const end = await shards.whileServed(async () => {
        for (const { state } of shards.states) {
          for (const entry of state.values()) {
            for (const tensor of Object.values(entry)) {
              if (typeof tensor !== "number") await tensor.read(0, 1);
            }
          }
          if (fault === "write") throw new UserError("the disk is full");
        }
      }).then(() => "served", (error: Error) => error.message);
      await ranks.barrier();
      return end;
    });
    assertEquals(
      ends,
      fault === "read"
        ? ["rank 2: the device was lost", "rank 2: the device was lost", "the device was lost"]
          .concat("rank 2: the device was lost")
        : ["the disk is full", "served", "served", "served"],
    );
  }
});
