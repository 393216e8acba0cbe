/** The optimizer's state: read from PyTorch's file, written in its form, refused where it differs. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { openTorchFile, writeTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { StoredTensor, tensorFromArray } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT } from "../../lib/model/mod.ts";
import {
  AdamW,
  loadOptimizerState,
  Optimizer,
  optimizerState,
  parameterGroups,
} from "../../lib/optim/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { config, rates } from "./gqa_sliding.ts";
import { Float64Device } from "../device/float64_device.ts";

const FOLDER = join(import.meta.dirname!, "../fixtures/parity/gqa_sliding");

function freshOptimizer(nLayer = 4): Optimizer {
  const device = new Float64Device();
  const model = new GPT(device, { ...config, nLayer }, { training: true });
  return new Optimizer(device, parameterGroups([...model.parameters.values()], 64, rates));
}

/** A state tree with its tensors replaced by their numbers. */
async function numbers(tree: unknown): Promise<unknown> {
  if (tree instanceof StoredTensor) return { shape: tree.shape, data: await tree.readFloat32() };
  if (Array.isArray(tree)) return await Promise.all(tree.map(numbers));
  if (!(tree instanceof Map)) return tree;
  const entries = [...tree].map(async ([key, value]) => [key, await numbers(value)] as const);
  return new Map(await Promise.all(entries));
}

Deno.test("a state from PyTorch comes back as it was", async () => {
  using file = await openTorchFile(join(FOLDER, "optim_000010_rank0.pt"));
  const optimizer = freshOptimizer();
  await loadOptimizerState(optimizer, file.root);

  const path = await Deno.makeTempFile({ suffix: ".pt" });
  await writeTorchFile(path, optimizerState(optimizer, { multiplier: 0.4, mu: 0.95 }));
  using copy = await openTorchFile(path);
  const [expected, actual] = await Promise.all(
    [file, copy].map((f) => numbers(f.root) as Promise<Map<string, Map<number, unknown>>>),
  );
  assertEquals(actual.get("state"), expected.get("state"));
  const settings = (groups: unknown) =>
    (groups as Map<string, unknown>[]).map((group) => [group.get("kind"), group.get("params")]);
  assertEquals(settings(actual.get("param_groups")), settings(expected.get("param_groups")));
  await Deno.remove(path);
});

Deno.test("the state of another model is refused and changes nothing", async () => {
  using file = await openTorchFile(join(FOLDER, "optim_000010_rank0.pt"));
  const optimizer = freshOptimizer(3);
  const error = await assertRejects(() => loadOptimizerState(optimizer, file.root), UserError);
  assertEquals(error.message.includes("should be"), true);
  const { state } = optimizerState(optimizer, { multiplier: 1, mu: 0.85 });
  assertEquals(state.get(0)!.step, 0);
  await assertRejects(() => loadOptimizerState(optimizer, new Map()), UserError);
});

/** A state tree on its way into a file; tensors are written as they are. */
type Tree = { state: Map<number, Map<string, unknown>>; groups: Map<string, unknown>[] };

/** Saves the reference state with `edit` done to it, opens it again, and loads it. */
async function loadEdited(edit: (tree: Tree) => void): Promise<Optimizer> {
  const optimizer = freshOptimizer();
  using original = await openTorchFile(join(FOLDER, "optim_000010_rank0.pt"));
  const root = original.root as Map<string, unknown>;
  edit({
    state: root.get("state") as Tree["state"],
    groups: root.get("param_groups") as Tree["groups"],
  });
  await inTempDir(async (dir) => {
    await writeTorchFile(`${dir}/optim.pt`, root);
    using file = await openTorchFile(`${dir}/optim.pt`);
    try {
      await loadOptimizerState(optimizer, file.root);
    } catch (error) {
      await assertFresh(optimizer);
      throw error;
    }
  });
  return optimizer;
}

/** No moment and no count of steps is left of a state that was refused. */
async function assertFresh(optimizer: Optimizer): Promise<void> {
  const { state } = optimizerState(optimizer, { multiplier: 1, mu: 0.85 });
  for (const entry of state.values()) {
    for (const value of Object.values(entry)) {
      if (typeof value === "number") assertEquals(value, 0);
      else {
        const all = await value.read(0, value.shape.reduce((product, n) => product * n, 1));
        assertEquals(all.findIndex((x) => Number(x) !== 0), -1);
      }
    }
  }
}

Deno.test("a step is a number or a tensor of one, as PyTorch's AdamW keeps it", async () => {
  const forms = [
    tensorFromArray("float32", [], Float32Array.of(7)),
    tensorFromArray("int64", [], BigInt64Array.of(7n)),
    tensorFromArray("float64", [1], Float64Array.of(7)),
    7,
  ];
  for (const step of forms) {
    const optimizer = await loadEdited(({ state }) => {
      for (const entry of state.values()) if (entry.has("step")) entry.set("step", step);
    });
    const steps = optimizer.parts.map((part) => part instanceof AdamW ? part.steps : 7);
    assertEquals(new Set(steps), new Set([7]));
  }
});

Deno.test("the numbers of parameters are those that the groups name", async () => {
  const expected = await loadEdited(() => {});
  const moved = await loadEdited(({ state, groups }) => {
    const entries = [...state];
    state.clear();
    for (const [id, entry] of entries) state.set(id + 100, entry);
    for (const group of groups) {
      group.set("params", (group.get("params") as number[]).map((id) => id + 100));
    }
  });
  const values = async (optimizer: Optimizer) => {
    const { state } = optimizerState(optimizer, { multiplier: 1, mu: 0.85 });
    const { exp_avg } = state.get(1)!;
    return typeof exp_avg === "number" ? exp_avg : await exp_avg.read(0, 100);
  };
  assertEquals(await values(moved), await values(expected));
});

Deno.test("a state with a fault is refused whole, naming the parameter", async () => {
  const scalar = (value: number) => tensorFromArray("float32", [], Float32Array.of(value));
  const with0 = (name: string, value: unknown) => ({ state }: Tree) =>
    void state.get(0)!.set(name, value);
  const moment = (name: string, value: number) => ({ state }: Tree) => {
    const last = [...state.keys()].findLast((id) => state.get(id)!.has(name))!;
    const { shape } = state.get(last)!.get(name) as StoredTensor;
    const data = new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(value, -1);
    state.get(last)!.set(name, tensorFromArray("float32", shape, data));
  };
  const faults: [(tree: Tree) => void, string][] = [
    [with0("step", NaN), "step of lm_head.weight should be a whole number from 0, but is NaN"],
    [with0("step", scalar(NaN)), "but is NaN"],
    [with0("step", scalar(2.5)), "but is 2.5"],
    [with0("step", -1), "but is -1"],
    [with0("step", "3"), "but is something else"],
    [with0("step", tensorFromArray("float32", [2], Float32Array.of(3, 3))), "something else"],
    [
      ({ state }) => void state.get(0)!.delete("step"),
      "lm_head.weight should be a whole number from 0, but is missing",
    ],
    [({ groups, state }) => {
      const [, second] = groups.find((group) => (group.get("params") as number[]).length > 1)!
        .get("params") as number[];
      state.get(second)!.set("step", 99);
    }, "not 99"],
    [with0("max_exp_avg_sq", scalar(1)), '"max_exp_avg_sq", which the optimizer here lacks'],
    [({ state }) => void state.get(0)!.delete("exp_avg"), "exp_avg of lm_head.weight should be"],
    [({ state }) => void state.get(0)!.set("exp_avg", null), "not nothing"],
    [({ state }) => void state.delete(0), "not nothing"],
    [
      ({ state }) => void state.set(777, new Map([["step", 1]])),
      "1 parameters that the model lacks (number 777)",
    ],
    [({ groups }) => void groups.pop(), "its groups should be"],
    [
      ({ groups }) => void groups[0].set("params", [0, 1]),
      "its group of lm_head.weight should be of 1 parameters, not 2",
    ],
    [({ groups }) => void groups[0].delete("params"), "not none"],
    [moment("exp_avg", NaN), "exp_avg of backout_lambda holds NaN"],
    [moment("exp_avg_sq", -1), "exp_avg_sq of backout_lambda holds -1"],
    [moment("momentum_buffer", Infinity), "holds Infinity"],
    [moment("second_momentum_buffer", -1), "holds -1"],
  ];
  for (const [edit, reason] of faults) {
    await assertRejects(() => loadEdited(edit), UserError, reason);
  }
});
