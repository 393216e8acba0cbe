/** Shares that do not add up to a state of the optimizer are refused, each by its name. */
import { assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { openTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { StoredTensor } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { AdamW, loadOptimizerShares, missingShares } from "../../lib/optim/mod.ts";
import { Float64Device } from "../device/float64_device.ts";
import { expectedStates, optimizerOf, shapesOf, statesOf } from "./era_optimizer.ts";

const LAYOUTS = fromFileUrl(new URL("../fixtures/eras_optimizers", import.meta.url));
const NEWEST = "g-newest", STACKED = "c-jan15-stacked", FIRST = "a-oct2025";

type Entries = Map<string, unknown>;
/** A file's tree as tests change it: its only optimizer, or Muon of two. */
interface Tree {
  state: Map<number, Entries>;
  groups: Entries[];
  /** AdamW's state; the same as `state` where there is one optimizer. */
  adamw: Map<number, Entries>;
}

/** Loads a layout's two shares with something done to their trees. */
async function loadEdited(
  folder: string,
  edit: (first: Tree, second: Tree) => void,
  ranks = [0, 1],
): Promise<{ steps: number[] }> {
  const expected = await expectedStates(join(LAYOUTS, folder, "expected.safetensors"));
  using files = new DisposableStack();
  const trees: unknown[] = [], edited: Tree[] = [];
  for (const rank of [0, 1]) {
    const path = join(LAYOUTS, folder, "two_ranks", `optim_000010_rank${rank}.pt`);
    const { root } = files.use(await openTorchFile(path));
    trees.push(root);
    const last = (Array.isArray(root) ? root[1] : root) as Entries;
    const first = (Array.isArray(root) ? root[0] : root) as Entries;
    edited.push({
      adamw: first.get("state") as Tree["state"],
      state: last.get("state") as Tree["state"],
      groups: last.get("param_groups") as Tree["groups"],
    });
  }
  edit(edited[0], edited[1]);
  const optimizer = optimizerOf(new Float64Device(), shapesOf(expected));
  const shares = ranks.map((rank, i) => ({ rank, name: `rank${rank}`, tree: trees[i] }));
  try {
    await loadOptimizerShares(optimizer, shares);
  } catch (error) {
    const states = [...(await statesOf(optimizer)).values()];
    assertEquals(states.every(({ data }) => data.every((value) => value === 0)), true);
    throw error;
  }
  return {
    steps: optimizer.parts.flatMap((part) => part instanceof AdamW ? part.steps : []),
  };
}

/** A copy of a tensor with one number of it changed. */
function changed(value: unknown, shape = (value as StoredTensor).shape): StoredTensor {
  const count = shape.reduce((product, n) => product * n, 1);
  const data = new Float32Array(count);
  data[count - 1] = 0.5;
  return StoredTensor.fromArray("changed", "float32", shape, data);
}

/** Puts another tensor in place of one. */
function change(entries: Entries | undefined, key: string, shape?: number[]): void {
  entries!.set(key, changed(entries!.get(key), shape));
}

const shifted = (groups: Entries[]) => {
  for (const group of groups) group.set("params", (group.get("params") as number[]).slice(1));
};

const FAULTS: [string, string, (first: Tree, second: Tree) => void, string][] = [
  ["steps that differ", NEWEST, (_, { state }) => {
    for (const entries of state.values()) if (entries.has("step")) entries.set("step", 2);
  }, "rank1: its step of lm_head.weight should be 1 as in the share of rank 0, not 2"],
  ["rows that are too few", NEWEST, (_, { state }) => {
    change(state.get(1), "exp_avg_sq", [16, 32]);
  }, "rank1: its exp_avg_sq of transformer.wte.weight should be (32,32), not (16,32)"],
  ["a table that is whole", NEWEST, (_, { state }) => {
    change(state.get(0), "exp_avg", [64, 32]);
  }, "rank1: it is the state of one process, but the one of rank 0 is a share of a state of 2"],
  ["another number of ranks", NEWEST, (_, { state }) => {
    change(state.get(0), "exp_avg", [16, 32]);
  }, "rank1: it is a share of a state of 4 processes, but the one of rank 0 is a share of a state"],
  ["small ones that differ", NEWEST, (_, { state }) => {
    change(state.get(6), "exp_avg");
  }, "rank1: its exp_avg of smear_gate.weight should be the same as in the share of rank 0"],
  ["a small one that is split", NEWEST, (_, { state }) => {
    change(state.get(4), "exp_avg", [1]);
  }, "rank1: its exp_avg of resid_lambdas should be (3), not (1)"],
  [
    "padding that is not zero",
    NEWEST,
    (_, { state }) => {
      change(state.get(23), "momentum_buffer");
    },
    "rank1: its momentum_buffer of transformer.h.0.mlp.c_proj.weight should be zero past the last",
  ],
  ["padding that is missing", NEWEST, (_, { state }) => {
    change(state.get(23), "momentum_buffer", [1, 32, 128]);
  }, "rank1: its momentum_buffer of transformer.h.0.mlp.c_proj.weight should be (2,32,128)"],
  ["a stack that is missing", NEWEST, (_, { state }) => void state.delete(23), "not nothing"],
  ["a second momentum that is missing", NEWEST, (_, { state }) => {
    state.get(23)!.delete("second_momentum_buffer");
  }, "rank1: its second_momentum_buffer of transformer.h.0.mlp.c_proj.weight should be (2,1,128)"],
  ["a group that is missing", NEWEST, (_, { groups, state }) => {
    groups.pop();
    state.delete(26);
  }, "rank1: its groups should be 5 of Muon, not 4"],
  [
    "groups of other sizes",
    NEWEST,
    (_, { groups }) => shifted(groups.slice(-1)),
    "of 3 parameters",
  ],
  ["a share that is a copy of another", STACKED, (first, second) => {
    const [ours, theirs] = [first, second].map(({ adamw }) => adamw);
    for (const [id, entries] of ours) theirs.set(id, entries);
  }, "rank1: its exp_avg of lm_head.weight is that of rank 0, as in a copy of its share"],
  ["another chunk size", STACKED, (_, { groups }) => {
    groups[2].set("chunk_size", 3);
  }, "rank1: its chunk_size of the group of transformer.h.0.mlp.c_proj.weight should be 2, not 3"],
  ["a matrix that another rank has too", FIRST, (first, { state }) => {
    state.set(0, first.state.get(0)!);
  }, 'rank1: its state of transformer.h.0.attn.c_k.weight has "momentum_buffer"'],
  [
    "a matrix that no rank has",
    FIRST,
    (_, { state }) => {
      state.delete(1);
    },
    "rank1: its momentum_buffer of transformer.h.0.attn.c_v.weight should be (16,32), not nothing",
  ],
  ["shares of two layouts", FIRST, (_, { groups }) => void groups.pop(), "4 of Muon, not 3"],
  ["a group of neither optimizer", NEWEST, (_, { groups }) => {
    groups[0].set("kind", "lion");
  }, "rank1: its group 0 is neither AdamW's nor Muon's"],
  ["a matrix in two groups", STACKED, (first, second) => {
    for (const tree of [first, second]) {
      tree.groups.splice(2, 1, tree.groups[3]);
      tree.state.delete(12);
    }
  }, "rank0: its groups should be of every matrix once"],
];

for (const [what, folder, edit, message] of FAULTS) {
  Deno.test(`${folder}: ${what}: refused whole`, async () => {
    await assertRejects(() => loadEdited(folder, edit), UserError, message);
  });
}

Deno.test("shares that are missing, or of no such rank, are named", async () => {
  const unedited = () => {};
  assertEquals((await loadEdited(NEWEST, unedited)).steps[0], 1);
  await assertRejects(
    () => loadEdited(NEWEST, unedited, [0]),
    UserError,
    "rank0: missing of its 2 shares: rank 1",
  );
  await assertRejects(
    () => loadEdited(NEWEST, unedited, [0, 2]),
    UserError,
    "rank2: it is a share of a state of 2 processes, which has no rank 2",
  );
});

Deno.test("a file alone says of how many processes it is", async () => {
  for (const folder of [FIRST, STACKED, NEWEST]) {
    const expected = await expectedStates(join(LAYOUTS, folder, "expected.safetensors"));
    const optimizer = optimizerOf(new Float64Device(), shapesOf(expected));
    const path = join(LAYOUTS, folder, "two_ranks", "optim_000010_rank0.pt");
    using file = await openTorchFile(path);
    const shares = [{ rank: 0, tree: file.root }];
    assertEquals(missingShares(optimizer, shares), { world: 2, missing: [1] });
  }
});
