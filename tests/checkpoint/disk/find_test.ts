import { assertEquals, assertRejects } from "@std/assert";
import { findCheckpoint } from "../../../lib/checkpoint/disk/mod.ts";
import { completeSteps } from "../../../lib/checkpoint/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { inTempDir } from "../../temp_dir.ts";

/** Makes empty files at these paths under `dir`. */
async function touch(dir: string, ...paths: string[]): Promise<void> {
  for (const path of paths) {
    await Deno.mkdir(`${dir}/${path}`.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${dir}/${path}`, "");
  }
}

/** The files of a complete checkpoint of nanochat. */
function complete(folder: string, step: number): string[] {
  const digits = String(step).padStart(6, "0");
  return [`${folder}/model_${digits}.pt`, `${folder}/meta_${digits}.json`];
}

Deno.test("the deepest model and its last step are the defaults", async () => {
  await inTempDir(async (dir) => {
    const base = "base_checkpoints";
    await touch(dir, ...complete(`${base}/d4`, 900), ...complete(`${base}/zz`, 1));
    await touch(dir, ...complete(`${base}/d12`, 500), ...complete(`${base}/d12`, 1000000));
    await touch(dir, `${base}/d12/optim_000500_rank0.pt`, `${base}/d12/optim_000500_rank1.pt`);
    const last = await findCheckpoint(dir, { source: "base" });
    assertEquals([last.tag, last.step, last.optimizers.size], ["d12", 1000000, 0]);
    assertEquals(await findCheckpoint(dir, { source: "base", tag: "d12", step: 500 }), {
      directory: `${dir}/${base}/d12`,
      tag: "d12",
      step: 500,
      model: `${dir}/${base}/d12/model_000500.pt`,
      meta: `${dir}/${base}/d12/meta_000500.json`,
      optimizers: new Map([
        [0, `${dir}/${base}/d12/optim_000500_rank0.pt`],
        [1, `${dir}/${base}/d12/optim_000500_rank1.pt`],
      ]),
    });
    assertEquals((await findCheckpoint(dir, { source: "base", tag: "d4" })).step, 900);
  });
});

Deno.test("without a d{N} the newest directory is the default", async () => {
  await inTempDir(async (dir) => {
    for (const [tag, time] of [["old", 1], ["newest", 3], ["newer", 2]] as const) {
      await touch(dir, ...complete(`base_checkpoints/${tag}`, 1), "base_checkpoints/notes.txt");
      await Deno.utime(`${dir}/base_checkpoints/${tag}`, time, time);
    }
    await touch(dir, ...complete("base_checkpoints/.hidden", 1));
    await Deno.symlink(`${dir}/nowhere`, `${dir}/base_checkpoints/broken`);
    assertEquals((await findCheckpoint(dir, { source: "base" })).tag, "newest");
  });
});

Deno.test("our own names are found, before nanochat's of the same step", async () => {
  await inTempDir(async (dir) => {
    const folder = "chatsft_checkpoints/d4";
    await touch(dir, `${folder}/step_12_model.pt`, `${folder}/step_12_meta.json`);
    await touch(dir, `${folder}/step_12_optimizer.pt`, ...complete(folder, 12));
    const files = await findCheckpoint(dir, { source: "sft" });
    assertEquals(files.model, `${dir}/${folder}/step_12_model.pt`);
    assertEquals(files.optimizers, new Map([[0, `${dir}/${folder}/step_12_optimizer.pt`]]));
    await Deno.remove(`${dir}/${folder}/step_12_meta.json`);
    const others = await findCheckpoint(dir, { source: "sft" });
    assertEquals(others.meta, `${dir}/${folder}/meta_000012.json`);
  });
});

Deno.test("an incomplete last step is passed over, and named when asked for", async () => {
  await inTempDir(async (dir) => {
    const folder = "base_checkpoints/d4";
    await touch(dir, ...complete(folder, 10), `${folder}/model_000020.pt`);
    assertEquals((await findCheckpoint(dir, { source: "base" })).step, 10);
    await assertRejects(
      () => findCheckpoint(dir, { source: "base", step: 20 }),
      UserError,
      "step 20 is incomplete: there is model_000020.pt but no meta file; complete are 10",
    );
    await Deno.remove(`${dir}/${folder}/model_000010.pt`);
    await assertRejects(() => findCheckpoint(dir, { source: "base" }), UserError, "step 20 is inc");
    await assertRejects(
      () => findCheckpoint(dir, { source: "base", step: 10 }),
      UserError,
      "there is meta_000010.json but no model file",
    );
  });
});

Deno.test("a folder without a whole checkpoint hides none that is whole", async () => {
  await inTempDir(async (dir) => {
    const base = "base_checkpoints";
    const find = async () => (await findCheckpoint(dir, { source: "base" })).tag;
    await touch(dir, ...complete(`${base}/older`, 10));
    await Deno.utime(`${dir}/${base}/older`, 1, 1);
    await touch(dir, `${base}/newer/metrics.jsonl`, `${base}/newest/model_000020.pt`);
    await Deno.mkdir(`${dir}/${base}/d12`);
    assertEquals(await find(), "older");
    await touch(dir, ...complete(`${base}/d4`, 10), `${base}/d8/meta_000010.json`);
    assertEquals(await find(), "d4");
    await touch(dir, `${base}/newest/meta_000020.json`, `${base}/d8/model_000010.pt`);
    assertEquals(await find(), "d8");
  });
});

Deno.test("what is missing is named with what is there", async () => {
  await inTempDir(async (dir) => {
    const find = (options: { tag?: string; step?: number } = {}, baseDir = dir) =>
      findCheckpoint(baseDir, { source: "base", ...options });
    await assertRejects(() => find({}, `${dir}/none`), UserError, "none: no such directory");
    await touch(dir, "tokenizer/tokenizer.pkl");
    await assertRejects(() => find(), UserError, "holds tokenizer");
    await Deno.mkdir(`${dir}/base_checkpoints`);
    await assertRejects(() => find(), UserError, "holds no model");
    await touch(dir, ...complete("base_checkpoints/d4", 10), "base_checkpoints/d8/log.txt");
    await assertRejects(() => find({ tag: "d6" }), UserError, "d4");
    await assertRejects(() => find({ tag: "d4", step: 7 }), UserError, "no step 7; it has 10");
    await assertRejects(() => find({ tag: "d8" }), UserError, "d8: holds no checkpoint");
    for (const tag of ["../d4", "", "..", ".d4", "a\\b"]) {
      await assertRejects(() => find({ tag }), UserError, "model tag");
    }
  });
});

Deno.test("every kind of model has its folder, and fine-tuned ones had another for a day", async () => {
  await inTempDir(async (dir) => {
    const folders = { base: "base", mid: "mid", sft: "chatsft", rl: "chatrl" };
    for (const [i, name] of Object.values(folders).entries()) {
      await touch(dir, ...complete(`${name}_checkpoints/d4`, i));
    }
    for (const [i, source] of Object.keys(folders).entries()) {
      const files = await findCheckpoint(dir, { source: source as "base" });
      assertEquals([files.tag, files.step], ["d4", i]);
    }
    const find = async (options: { tag?: string; step?: number } = {}) => {
      const files = await findCheckpoint(dir, { source: "sft", ...options });
      return `${files.directory.slice(dir.length)}:${files.step}`;
    };
    await touch(dir, ...complete("sft_checkpoints/d4", 700), ...complete("sft_checkpoints/d6", 3));
    assertEquals(await find(), "/sft_checkpoints/d6:3");
    assertEquals(await find({ tag: "d4" }), "/chatsft_checkpoints/d4:2");
    assertEquals(await find({ tag: "d4", step: 700 }), "/sft_checkpoints/d4:700");
    await assertRejects(() => find({ tag: "d4", step: 5 }), UserError, "has no step 5; it has 2");
    await Deno.remove(`${dir}/chatsft_checkpoints/d4/meta_000002.json`);
    assertEquals(await find({ tag: "d4" }), "/sft_checkpoints/d4:700");
    await Deno.remove(`${dir}/chatsft_checkpoints`, { recursive: true });
    assertEquals(await find(), "/sft_checkpoints/d6:3");
    await assertRejects(() => find({ tag: "d5" }), UserError, 'no model "d5"; it has d');
  });
});

Deno.test("shares of the optimizer's state are in the order of their ranks", () =>
  inTempDir(async (dir) => {
    const folder = "base_checkpoints/d1", ranks = [10, 3, 0, 11, 1, 2, 9, 8, 7, 6, 5, 4];
    await touch(dir, `${folder}/model_000010.pt`, `${folder}/meta_000010.json`);
    for (const rank of ranks) await touch(dir, `${folder}/optim_000010_rank${rank}.pt`);
    const { optimizers } = await findCheckpoint(dir, { source: "base" });
    assertEquals([...optimizers.keys()], ranks.toSorted((a, b) => a - b));
  }));

Deno.test("optimizer state without a rank is rank 0's, unless others of the step have ranks", async () => {
  await inTempDir(async (dir) => {
    const folder = "base_checkpoints/d4";
    const optimizers = async (step: number) => {
      const files = await findCheckpoint(dir, { source: "base", step });
      return [...files.optimizers].map(([rank, path]) => [rank, path.split("/").at(-1)]).sort();
    };
    for (const step of [0, 5, 10]) await touch(dir, ...complete(folder, step));
    await touch(dir, `${folder}/optim_000000.pt`, `${folder}/optim_000010.pt`);
    await touch(dir, `${folder}/optim_000010_rank0.pt`, `${folder}/optim_000010_rank1.pt`);
    assertEquals(await optimizers(0), [[0, "optim_000000.pt"]]);
    assertEquals(await optimizers(5), []);
    assertEquals(await optimizers(10), [
      [0, "optim_000010_rank0.pt"],
      [1, "optim_000010_rank1.pt"],
    ]);
    // In whatever order a disk lists them.
    for (const names of [["optim_7.pt", "optim_7_rank1.pt"], ["optim_7_rank1.pt", "optim_7.pt"]]) {
      const [files] = completeSteps(["model_7.pt", "meta_7.json", ...names]);
      assertEquals([...files.optimizers], [[1, "optim_7_rank1.pt"]]);
    }
  });
});
