/** Which shares of an optimizer's state there are, and what becomes of a run where some are not. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { wordError } from "../../cli/errors.ts";
import {
  type CheckpointFiles,
  checkpointFiles,
  fileNames,
  readMeta,
} from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT } from "../../lib/model/mod.ts";
import { AdamW } from "../../lib/optim/mod.ts";
import { openOptimizer } from "../../lib/training/mod.ts";
import { rates } from "../optim/gqa_sliding.ts";
import { Float64Device } from "../device/float64_device.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

const RANKS = fromFileUrl(new URL("../fixtures/ranks", import.meta.url));
const nameOf = (rank: number) => `optim_000013_rank${rank}.pt`;

/**
 * A directory with the model after its three steps and files of its optimizer's state: those of
 * rank r in a run of `world` ranks, by the names they are to have.
 */
async function save(dir: string, files: Record<string, [world: number, rank: number]>) {
  for (const name of ["model_000013.pt", "meta_000013.json"]) {
    await Deno.copyFile(join(RANKS, "world8", name), join(dir, name));
  }
  for (const [name, [world, rank]] of Object.entries(files)) {
    const path = join(RANKS, `world${world}`, `optim_000010_rank${rank}.pt`);
    await Deno.copyFile(path, join(dir, name));
  }
  return checkpointFiles(await fileNames(dir), dir);
}

async function open(files: CheckpointFiles, isResumed = false) {
  const { modelConfig } = await readMeta(files.meta);
  const model = new GPT(new Float64Device(), modelConfig, { training: true });
  const console = new MemoryTerminal();
  const start = { isWarm: true, isResumed };
  const optimizer = await openOptimizer({ model, files }, rates, start, console);
  const steps = optimizer.parts.flatMap((part) => part instanceof AdamW ? part.steps : []);
  return { steps: new Set(steps), printed: console.stdout, warned: console.stderr };
}

const inWorld = (world: number, ranks: number[]) =>
  Object.fromEntries(
    ranks.map((rank) => [nameOf(rank), [world, rank] as [number, number]]),
  );

Deno.test("all shares are taken over", () =>
  inTempDir(async (dir) => {
    const files = await save(dir, inWorld(8, [0, 1, 2, 3, 4, 5, 6, 7]));
    for (const isResumed of [false, true]) {
      const { steps, printed, warned } = await open(files, isResumed);
      assertEquals([steps, warned], [new Set([3]), ""]);
      assertStringIncludes(printed, `loaded from ${join(dir, nameOf(0))} and the 7 other shares`);
    }
  }));

Deno.test("a first share alone is warned of, with the reason, but not where a run goes on", async () => {
  for (const name of [nameOf(0), "optim_000013.pt"]) {
    await inTempDir(async (dir) => {
      const files = await save(dir, { [name]: [8, 0] });
      const { steps, warned } = await open(files);
      assertEquals(steps, new Set([0]));
      assertStringIncludes(warned, `${join(dir, name)} is the first of 8 shares`);
      assertStringIncludes(warned, "nanochat saved no others until November 2025");
      assertStringIncludes(warned, "starting fresh");
      const error = await assertRejects(
        () => open(files, true),
        UserError,
        "the first of 8 shares",
      );
      assertStringIncludes(wordError(error, "sft"), "--load-optimizer 0");
    });
  }
});

Deno.test("shares that are missing or of another run are refused by their names", async () => {
  const cases: [Record<string, [number, number]>, string][] = [
    [inWorld(8, [0, 2, 3, 4, 5, 6, 7]), `missing of its 8 shares: ${nameOf(1)}`],
    [inWorld(8, [0, 1, 2, 3, 4, 5]), `missing of its 8 shares: ${nameOf(6)}, ${nameOf(7)}`],
    [inWorld(8, [3]), `missing of its 8 shares: ${nameOf(0)}, ${nameOf(1)}`],
    [{ ...inWorld(8, [0]), ...inWorld(2, [1]) }, `${nameOf(1)}: it is a share of a state of 2`],
    [{ ...inWorld(2, [0, 1]), ...inWorld(8, [2]) }, `${nameOf(2)}: it is a share of a state of 8`],
    [{ ...inWorld(2, [0, 1]), [nameOf(2)]: [2, 1] }, `${nameOf(2)}: it is a share of a state of 2`],
  ];
  for (const [saved, message] of cases) {
    await inTempDir(async (dir) => {
      const files = await save(dir, saved);
      for (const isResumed of [false, true]) {
        const error = await assertRejects(() => open(files, isResumed), UserError, message);
        assert(wordError(error, "sft").startsWith(dir), error.message);
        assertStringIncludes(wordError(error, "sft"), "--load-optimizer 0");
        assertEquals(error.message.includes("\n"), false);
      }
    });
  }
});
