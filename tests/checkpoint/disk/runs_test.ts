/** Which of several runs in one directory is taken. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import {
  findCheckpoint,
  type RunIdentity,
  saveBaseCheckpoint,
  saveCheckpoint,
} from "../../../lib/checkpoint/disk/mod.ts";
import { tensorFromArray } from "../../../lib/checkpoint/mod.ts";
import { inTempDir } from "../../temp_dir.ts";
import { modelConfig } from "../smallest_model.ts";

const stateDict = new Map([["w", tensorFromArray("float32", [1], Float32Array.of(1))]]);
const contents = (step: number, run?: RunIdentity) => ({
  step,
  run,
  modelConfig,
  stateDict,
  meta: {},
});
const OLD = { id: "old", began: "2026-03-01T00:00:00.000Z" };
const NEW = { id: "new", began: "2026-03-02T00:00:00.000Z" };

const found = async (dir: string, source: "sft" | "base" = "sft") =>
  (await findCheckpoint(dir, { source })).step;

/** Copies files without their times, in this order. */
async function copy(from: string, to: string, names: string[]): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const name of names) {
    await Deno.writeFile(join(to, name), await Deno.readFile(join(from, name)));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("the newest run is taken, and in it the highest step", async () => {
  for (const [source, save] of [["sft", saveCheckpoint], ["base", saveBaseCheckpoint]] as const) {
    await inTempDir(async (dir) => {
      // Neither the order of writing nor the files' times decide.
      await save(dir, "d1", contents(20, NEW));
      await save(dir, "d1", contents(10, NEW));
      await save(dir, "d1", contents(700, OLD));
      assertEquals(await found(dir, source), 20);
      assertEquals((await findCheckpoint(dir, { source, step: 700 })).step, 700);
      // A step that is written again is of the run that wrote it.
      await save(dir, "d1", contents(20, OLD));
      assertEquals(await found(dir, source), 10);
    });
  }
});

Deno.test("checkpoints that name no run are one run, as new as its last file", async () => {
  await inTempDir(async (dir) => {
    await saveCheckpoint(dir, "d1", contents(700));
    await saveCheckpoint(dir, "d1", contents(600));
    assertEquals(await found(dir), 700);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { directory, model } = await saveCheckpoint(dir, "d1", contents(10, NEW));
    assertEquals(await found(dir), 10);
    // nanochat's run of later, with fewer steps than the run before it.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await Deno.copyFile(model, join(directory, "model_000005.pt"));
    const json = JSON.stringify({ step: 5, model_config: { ...MODEL_CONFIG } });
    await Deno.writeTextFile(join(directory, "meta_000005.json"), json);
    assertEquals(await found(dir), 700);
    for (const name of ["model_000700.pt", "step_700_model.pt"]) {
      await Deno.remove(join(directory, name));
    }
    assertEquals(await found(dir), 600);
  });
});

const MODEL_CONFIG = {
  sequence_len: 8,
  vocab_size: 3,
  n_layer: 1,
  n_head: 1,
  n_kv_head: 1,
  n_embd: 2,
  window_pattern: "L",
};

Deno.test("a copy of the folder, whatever its files' times, holds the same newest run", async () => {
  await inTempDir(async (dir) => {
    await saveCheckpoint(dir, "d1", contents(700));
    await saveCheckpoint(dir, "d1", contents(300, OLD));
    const { directory } = await saveCheckpoint(dir, "d1", contents(10, NEW));
    // Times of files go by the system's clock ticks, of 1 to 10 ms.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
    const isOld = (name: string) => name.includes("700");
    const orders = [names, names.toReversed(), names.toSorted((a) => isOld(a) ? 1 : -1)];
    for (const [i, order] of orders.entries()) {
      await copy(directory, join(dir, `copy${i}`, "chatsft_checkpoints/d1"), order);
      assertEquals(await found(join(dir, `copy${i}`)), 10, `order ${i}`);
    }
    for (const name of names) await Deno.utime(join(directory, name), 1e9, 1e9);
    assertEquals(await found(dir), 10);
  });
});

Deno.test("a damaged meta file hides no other run", async () => {
  await inTempDir(async (dir) => {
    await saveCheckpoint(dir, "d1", contents(700, OLD));
    const { directory } = await saveCheckpoint(dir, "d1", contents(10, NEW));
    await Deno.writeTextFile(join(directory, "step_700_meta.json"), "{");
    assertEquals(await found(dir), 10);
    await Deno.writeTextFile(join(directory, "step_10_meta.json"), '{"run": {"id": 3}}');
    // Nobody knows of which run they are: whoever opens the highest is told what is wrong with it.
    assertEquals(await found(dir), 700);
  });
});

Deno.test("hundreds of checkpoints are told apart in no time", async () => {
  await inTempDir(async (dir) => {
    const { directory } = await saveCheckpoint(dir, "d1", contents(1, OLD));
    const meta = JSON.parse(await Deno.readTextFile(join(directory, "step_1_meta.json")));
    for (let step = 2; step <= 500; step++) {
      await Deno.link(join(directory, "step_1_model.pt"), join(directory, `step_${step}_model.pt`));
      const json = { ...meta, step, run: step === 3 ? NEW : OLD, run_state: "x".repeat(20_000) };
      await Deno.writeTextFile(join(directory, `step_${step}_meta.json`), JSON.stringify(json));
    }
    const start = performance.now();
    assertEquals(await found(dir), 3);
    const seconds = (performance.now() - start) / 1000;
    assertEquals(seconds < 5, true, `${seconds} s`);
    console.log(`500 meta files of 20 kB: ${seconds.toFixed(3)} s`);
  });
});
