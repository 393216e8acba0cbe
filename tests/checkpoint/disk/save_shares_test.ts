/** The optimizer's state of several processes, in a file of each. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type CheckpointContents,
  checkpointSize,
  fileNames,
  findCheckpoint,
  openTorchFile,
  removeCheckpoint,
  saveBaseCheckpoint,
  saveCheckpoint,
} from "../../../lib/checkpoint/disk/mod.ts";
import { tensorFromArray } from "../../../lib/checkpoint/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { inTempDir } from "../../temp_dir.ts";
import { modelConfig } from "../smallest_model.ts";

const tensor = (value: number) => tensorFromArray("float32", [1], Float32Array.of(value));
/** The state of so many ranks, each with its number and that of the pass. */
const shares = (world: number, pass: number) =>
  Array.from({ length: world }, (_, rank) => ({
    state: new Map([[0, { exp_avg: tensor(rank), step: pass }]]),
    param_groups: [],
  }));
const contents = (optimizer: unknown, step = 3): CheckpointContents => (
  { step, modelConfig, stateDict: new Map([["w", tensor(1)]]), optimizer, meta: {} }
);
const KINDS = [[saveCheckpoint, "sft"], [saveBaseCheckpoint, "base"]] as const;

/** The rank and the pass that each file of the state says. */
async function statesOf(paths: ReadonlyMap<number, string>): Promise<[number, number][]> {
  const states: [number, number][] = [];
  for (const path of paths.values()) {
    using file = await openTorchFile(path);
    const root = file.root as Map<string, Map<number, Map<string, unknown>>>;
    const entry = root.get("state")!.get(0)!;
    const [rank] = await (entry.get("exp_avg") as { readFloat32(): Promise<Float32Array> })
      .readFloat32();
    states.push([rank, entry.get("step") as number]);
  }
  return states;
}

Deno.test("every process's state has a file under both names, and fewer replace more", async () => {
  for (const [save, source] of KINDS) {
    await inTempDir(async (dir) => {
      const { directory } = await save(dir, "d1", contents(shares(11, 1)));
      for (const world of [11, 3, 1]) {
        const saved = await save(dir, "d1", contents(shares(world, world)));
        const found = await findCheckpoint(dir, { source, step: 3 });
        assertEquals(found, saved);
        const ranks = Array.from({ length: world }, (_, rank) => rank);
        assertEquals(
          await statesOf(found.optimizers),
          ranks.map((rank) => [rank, world]),
        );
        const files = (await fileNames(directory)).filter((name) => name.includes("optim")).sort();
        const own = world === 1
          ? ["step_3_optimizer.pt"]
          : ranks.map((rank) => `step_3_optimizer_rank${rank}.pt`);
        const expected = [
          ...ranks.map((rank) => `optim_000003_rank${rank}.pt`),
          ...source === "sft" ? own : [],
        ];
        assertEquals(files, expected.sort());
      }
      await save(dir, "d1", contents(shares(2, 1), 13));
      await removeCheckpoint(directory, 13);
      assertEquals((await fileNames(directory)).filter((name) => name.includes("13")), []);
    });
  }
});

Deno.test("room is needed for the states of all processes", () => {
  const sizeOf = (world: number) => checkpointSize(contents(shares(world, 1))).optimizer;
  assertEquals(sizeOf(8), 8 * sizeOf(1));
});

/** Runs something in which the system fails. */
async function failing(
  fails: (operation: "write" | "change", path: string) => boolean,
  body: () => Promise<void>,
): Promise<void> {
  const { open, remove, rename, link } = Deno;
  const no = () => Promise.reject(new Error("No space left on device (os error 28)"));
  Deno.open = async (path, options) => {
    const file = await open(path, options);
    if (options?.write && fails("write", String(path))) file.write = no;
    return file;
  };
  Deno.remove = (path, options) => fails("change", String(path)) ? no() : remove(path, options);
  Deno.rename = (from, to) => fails("change", String(to)) ? no() : rename(from, to);
  Deno.link = (from, to) => fails("change", String(to)) ? no() : link(from, to);
  try {
    await body();
  } finally {
    Object.assign(Deno, { open, remove, rename, link });
  }
}

Deno.test("without room for the last process's state none is kept", async () => {
  for (const [save, source] of KINDS) {
    await inTempDir(async (dir) => {
      await save(dir, "d1", contents(shares(3, 1)));
      const lines: string[] = [];
      await failing(
        (operation, path) => operation === "write" && path.includes("rank2"),
        async () => {
          await save(dir, "d1", contents(shares(3, 2)), (line) => void lines.push(line));
        },
      );
      const { directory, optimizers } = await findCheckpoint(dir, { source });
      assertEquals([optimizers.size, lines.length], [0, 1]);
      assert(lines[0].includes("the model is saved without the optimizer's state"));
      assertEquals((await fileNames(directory)).filter((name) => name.includes("optim")), []);
    });
  }
});

Deno.test("a process killed at any moment leaves no part of the states that passes for all", async () => {
  for (const [save, source] of KINDS) {
    for (let survived = 0, isFinished = false; !isFinished; survived++) {
      await inTempDir(async (dir) => {
        await save(dir, "d1", contents(shares(4, 4)));
        let left = survived;
        await failing((operation) => operation === "change" && left-- <= 0, async () => {
          const error = await save(dir, "d1", contents(shares(3, 3)))
            .then(() => undefined, (error) => error);
          assert(error === undefined || error instanceof UserError);
        });
        isFinished = left >= 0;
        const found = await findCheckpoint(dir, { source }).catch(() => undefined);
        if (found === undefined) return;
        const states = await statesOf(found.optimizers);
        const world = states[0][1];
        assertEquals(
          states,
          Array.from({ length: world }, (_, rank) => [rank, world]),
          `after ${survived}`,
        );
        const present = new Set(await fileNames(found.directory));
        // nanochat takes the highest model, and a state for every rank that it has.
        if (!present.has("model_000003.pt")) return;
        for (let rank = 0; rank < 4; rank++) {
          assertEquals(present.has(`optim_000003_rank${rank}.pt`), rank < world);
        }
      });
      assert(survived < 60);
    }
  }
});

Deno.test("a state that cannot be read leaves what was there", async () => {
  for (const [save, source] of KINDS) {
    await inTempDir(async (dir) => {
      const { directory } = await save(dir, "d1", contents(shares(3, 1)));
      const before = (await fileNames(directory)).sort();
      const [first, ...others] = shares(3, 2);
      const lost = { ...tensor(1), read: () => Promise.reject(new UserError("rank 1: lost")) };
      others[0].state.get(0)!.exp_avg = lost;
      const again = () => save(dir, "d1", contents([first, ...others]));
      await assertRejects(again, UserError, "rank 1: lost");
      assertEquals((await fileNames(directory)).sort(), before);
      const { optimizers } = await findCheckpoint(dir, { source });
      assertEquals(await statesOf(optimizers), [[0, 1], [1, 1], [2, 1]]);
    });
  }
});
