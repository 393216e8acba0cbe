/**
 * Saves on a disk that is full at every page of a save: the checkpoint before it stays loadable,
 * what is saved is whole, and what is not is said in one line.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { findCheckpoint, openTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { type StoredTensor, tensorFromArray } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { RunCheckpoints } from "../../lib/training/mod.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { isLong, printFigures } from "./campaign.ts";
import { startRun } from "./small_run.ts";
import { modelConfig } from "../checkpoint/smallest_model.ts";
import { PAGE, SmallDisk, whyNoSmallDisk } from "./small_disk.ts";

const reason = await whyNoSmallDisk();
const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name: name + (reason ? ` (${reason})` : ""), ignore: reason !== undefined, fn });

/** A tensor of about five pages that holds one number. */
const tensor = (value: number) =>
  tensorFromArray("float32", [5000], new Float32Array(5000).fill(value));

/** A checkpoint whose tensors all hold one number. */
const contents = (step: number, value: number) => ({
  step,
  modelConfig,
  stateDict: new Map([["a", tensor(value)], ["b", tensor(value)]]),
  optimizer: { state: new Map([[0, { exp_avg: tensor(value), exp_avg_sq: tensor(value) }]]) },
  meta: { note: "x".repeat(5000) },
});

/** Pages that a checkpoint takes, and a few more. */
const ALL = 28;

/** The number that all tensors of a file hold; it fails if it is not one. */
async function valueOf(path: string, tensors: (root: unknown) => unknown[]): Promise<number> {
  using file = await openTorchFile(path);
  const values = new Set<number>();
  for (const tensor of tensors(file.root)) {
    for (const value of await (tensor as StoredTensor).readFloat32()) values.add(value);
  }
  assertEquals(values.size, 1, path);
  return [...values][0];
}

type Root = Map<string, unknown>;
const ofModel = (root: unknown) => [...(root as Root).values()];
const ofOptimizer = (
  root: unknown,
) => [...((root as Root).get("state") as Map<number, Root>).get(0)!.values()];

for (const source of ["sft", "base"] as const) {
  test(`${source}: on a full disk the earlier checkpoint stays, and what is saved is whole`, async () => {
    await using disk = await SmallDisk.mount(1 << 20) as SmallDisk;
    const outcomes = { "nothing saved": 0, "the model alone": 0, "everything": 0 };
    let points = 0;
    // A step of its own, and one that replaces the earlier checkpoint.
    for (const step of [2, 1]) {
      for (let pages = 0; pages <= ALL; pages += isLong ? 1 : 4) {
        points++;
        await disk.clear();
        const console = new MemoryTerminal();
        const { terminal } = console;
        const said: string[] = [];
        terminal.warn = (line) => void said.push(line);
        const place = { baseDir: disk.path, source, tag: "d1", terminal };
        {
          await using before = await RunCheckpoints.open(place);
          await before.save(contents(1, 1));
        }
        await using run = await RunCheckpoints.open(place);
        await disk.leave(pages);
        const error = await run.save(contents(step, 2), true).then(() => undefined, (e) => e);
        if (error !== undefined) {
          assert(error instanceof UserError, `${pages} pages: ${error}`);
          said.push(error.message);
        }
        assertEquals(console.stderr, "");

        const { model, optimizers } = await findCheckpoint(disk.path, { source });
        const value = await valueOf(model, ofModel);
        for (const path of optimizers.values()) {
          assertEquals(await valueOf(path, ofOptimizer), value);
        }
        const isSaved = error === undefined;
        assertEquals([value, optimizers.size > 0 || isSaved], [isSaved ? 2 : 1, true]);
        if (step === 2 || !isSaved) {
          const earlier = await findCheckpoint(disk.path, { source, step: 1 });
          assertEquals(await valueOf(earlier.model, ofModel), 1);
          assertEquals(await valueOf(earlier.optimizers.get(0)!, ofOptimizer), 1);
        }
        const names = [...Deno.readDirSync(run.directory)].map(({ name }) => name);
        assertEquals(names.filter((name) => name.endsWith(".tmp")), []);

        const outcome = !isSaved
          ? "nothing saved"
          : optimizers.size === 0
          ? "the model alone"
          : "everything";
        outcomes[outcome]++;
        assertEquals(said.length, outcome === "everything" ? 0 : 1, `${pages} pages: ${said}`);
        for (const line of said) {
          assertStringIncludes(line, "No space left on device");
          assertEquals(line.includes("\n"), false);
        }
      }
    }
    for (const [outcome, count] of Object.entries(outcomes)) assert(count > 0, outcome);
    printFigures(`disk full, ${source}`, { "points of free space": points, ...outcomes });
  });
}

test("runs of the command line on small disks say in one line each what was not saved", async () => {
  const baseDir = await smallBaseDir();
  const run = async (pages: number) => {
    await using disk = await SmallDisk.mount(32 << 20) as SmallDisk;
    await Deno.symlink(disk.path, join(baseDir, "chatsft_checkpoints"));
    await disk.leave(pages);
    const { code, stdout, stderr } = await startRun(baseDir, false, { keep: 0 }).output();
    const found = await findCheckpoint(baseDir, { source: "sft" }).catch(() => undefined);
    if (found) (await openTorchFile(found.model))[Symbol.dispose]();
    await Deno.remove(join(baseDir, "chatsft_checkpoints"));
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const lines = text(stderr).trimEnd().split("\n");
    return { code, lines, found, saved: text(stdout).match(/^Saved /gm)?.length ?? 0 };
  };
  const modelPages = Math.ceil(
    (await Deno.stat(join(baseDir, "base_checkpoints/d2/model_000007.pt")))
      .size / PAGE,
  );

  const none = await run(modelPages - 10);
  assertEquals([none.code, none.lines.length, none.saved], [1, 1, 0]);
  assertStringIncludes(none.lines[0], "not even the model can be saved; make room first");

  // One model; nothing else fits, and the run goes on to its end.
  const one = await run(modelPages + 40);
  assertEquals([one.code, one.saved, one.found?.step, one.found?.optimizers.size], [1, 1, 1, 0]);
  assertStringIncludes(one.lines[0], "without more room the optimizer's state is not saved");
  assertStringIncludes(one.lines[1], "the model is saved without the optimizer's state");
  for (const line of one.lines.slice(2, -1)) assertStringIncludes(line, "saves at the next turn");
  assertStringIncludes(one.lines.at(-1)!, "; what was trained is saved up to step 1: --resume");
  await Deno.remove(baseDir, { recursive: true });
});
