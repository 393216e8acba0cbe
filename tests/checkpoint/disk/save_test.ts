import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  addToMeta,
  findCheckpoint,
  openTorchFile,
  readMeta,
  removeCheckpoint,
  saveBaseCheckpoint,
  saveCheckpoint,
  sweepTemporaryFiles,
} from "../../../lib/checkpoint/disk/mod.ts";
import {
  OrderedDict,
  readStateDict,
  tensorFromArray,
  type TensorSource,
} from "../../../lib/checkpoint/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { inTempDir } from "../../temp_dir.ts";
import { modelConfig } from "../smallest_model.ts";

/** A tiny model whose numbers are all `value`. */
function stateDict(value: number): Map<string, TensorSource> {
  const tensor = (...shape: number[]): TensorSource => {
    const data = new Float32Array(shape.reduce((a, b) => a * b)).fill(value);
    return tensorFromArray("float32", shape, data);
  };
  return new Map([
    ["transformer.wte.weight", { ...tensor(4, 2), dtype: "bfloat16" }],
    ["transformer.h.0.attn.c_q.weight", tensor(2, 2)],
  ]);
}

const optimizer = { state: new Map([[0, { step: 5 }]]), param_groups: [{ lr: 0.1 }] };
const names = (dir: string) => Array.from(Deno.readDirSync(dir), ({ name }) => name).sort();

Deno.test("a saved checkpoint lies under both names and loads again", async () => {
  await inTempDir(async (dir) => {
    const meta = { val_bpb: 1.5, user_config: { run: "dummy" } };
    const saved = await saveCheckpoint(dir, "d1", {
      step: 12,
      modelConfig,
      stateDict: stateDict(2),
      optimizer,
      meta,
    });
    assertEquals(await findCheckpoint(dir, { source: "sft" }), saved);
    assertEquals(names(saved.directory), [
      "meta_000012.json",
      "model_000012.pt",
      "optim_000012_rank0.pt",
      "step_12_meta.json",
      "step_12_model.pt",
      "step_12_optimizer.pt",
    ]);
    const read = await readMeta(`${saved.directory}/meta_000012.json`);
    assertEquals([read.step, read.modelConfig], [12, modelConfig]);
    assertEquals([read.raw.val_bpb, read.raw.user_config], [1.5, { run: "dummy" }]);
    using file = await openTorchFile(`${saved.directory}/model_000012.pt`);
    assertInstanceOf(file.root, OrderedDict);
    const { tensors } = readStateDict(file, read.modelConfig);
    const wte = tensors.get("transformer.wte.weight")!;
    assertEquals([wte.dtype, await wte.readFloat32(6)], ["bfloat16", Float32Array.of(2, 2)]);
    const inode = async (name: string) => (await Deno.stat(`${saved.directory}/${name}`)).ino;
    assertEquals(await inode("step_12_model.pt"), await inode("model_000012.pt"));
  });
});

Deno.test("a meta file keeps the numbers that JSON lacks as Python writes them", async () => {
  await inTempDir(async (dir) => {
    const contents = { step: 3, modelConfig, stateDict: stateDict(1) };
    const meta = { loop_state: { min_val_bpb: Infinity } };
    const saved = await saveCheckpoint(dir, "d1", { ...contents, meta });
    await addToMeta(saved, { val_bpb: NaN });
    assertEquals((await Deno.readTextFile(saved.meta)).match(/Infinity|NaN/g), ["Infinity", "NaN"]);
    const { raw } = await readMeta(saved.meta);
    assertEquals([raw.loop_state, raw.val_bpb], [{ min_val_bpb: Infinity }, NaN]);
  });
});

Deno.test("saving a step again replaces all its files under both names", async () => {
  await inTempDir(async (dir) => {
    const contents = { step: 3, modelConfig, meta: {} };
    await saveCheckpoint(dir, "d1", { ...contents, stateDict: stateDict(1), optimizer });
    const { directory } = await saveCheckpoint(dir, "d1", { ...contents, stateDict: stateDict(7) });
    const left = ["meta_000003.json", "model_000003.pt", "step_3_meta.json", "step_3_model.pt"];
    assertEquals(names(directory), left);
    for (const name of ["model_000003.pt", "step_3_model.pt"]) {
      using file = await openTorchFile(`${directory}/${name}`);
      const { tensors } = readStateDict(file, modelConfig);
      const weight = tensors.get("transformer.h.0.attn.c_q.weight")!;
      assertEquals((await weight.readFloat32())[0], 7);
    }
  });
});

Deno.test("a base checkpoint lies under nanochat's names, and a later one replaces it", async () => {
  await inTempDir(async (dir) => {
    const contents = { step: 3, modelConfig, meta: { val_bpb: 1.5 } };
    await saveBaseCheckpoint(dir, "d1", { ...contents, stateDict: stateDict(1), optimizer });
    const first = await findCheckpoint(dir, { source: "base" });
    assertEquals([first.tag, first.step, [...first.optimizers.keys()]], ["d1", 3, [0]]);
    const saved = await saveBaseCheckpoint(dir, "d1", { ...contents, stateDict: stateDict(7) });
    const { directory, model, meta } = await findCheckpoint(dir, { source: "base" });
    assertEquals(names(directory), ["meta_000003.json", "model_000003.pt"]);
    assertEquals([model, (await readMeta(meta)).raw.val_bpb], [saved.model, 1.5]);
    using file = await openTorchFile(model);
    const weight = readStateDict(file, modelConfig).tensors.get("transformer.wte.weight")!;
    assertEquals((await weight.readFloat32())[0], 7);
  });
});

Deno.test("a saved step has its own optimizer state, and no share that was there before", async () => {
  await inTempDir(async (dir) => {
    const shares = ["optim_000012.pt", "optim_000012_rank0.pt", "optim_000012_rank7.pt"];
    const contents = { step: 12, modelConfig, stateDict: stateDict(1), meta: {} };
    for (
      const [save, folder] of [[saveBaseCheckpoint, "base"], [saveCheckpoint, "chatsft"]] as const
    ) {
      const directory = `${dir}/${folder}_checkpoints/d1`;
      await Deno.mkdir(directory, { recursive: true });
      for (const name of [...shares, "optim_000011_rank7.pt"]) {
        await Deno.writeTextFile(`${directory}/${name}`, "of another run");
      }
      const { optimizers } = await save(dir, "d1", { ...contents, optimizer });
      assertEquals([...optimizers.keys()], [0]);
      const states = names(directory).filter((name) => name.startsWith("optim"));
      assertEquals(states, ["optim_000011_rank7.pt", "optim_000012_rank0.pt"]);
      await save(dir, "d1", contents);
      assertEquals(names(directory).filter((name) => name.startsWith("optim")), states.slice(0, 1));
    }
  });
});

Deno.test("a save that fails leaves the checkpoint before it as it was", async () => {
  await inTempDir(async (dir) => {
    const contents = { step: 3, modelConfig, meta: {}, stateDict: stateDict(1), optimizer };
    const { directory } = await saveCheckpoint(dir, "d1", contents);
    const before = names(directory);
    const lost = {
      dtype: "float32" as const,
      shape: [1],
      read: () => Promise.reject(new Error("device lost")),
    };
    await assertRejects(
      () => saveCheckpoint(dir, "d1", { ...contents, optimizer: { state: lost } }),
      Error,
      "device lost",
    );
    assertEquals(names(directory), before);
    assertEquals((await findCheckpoint(dir, { source: "sft" })).step, 3);
  });
});

/** Runs something on a disk that has no room for files whose names contain a word. */
async function withoutRoomFor<T>(word: string, body: () => Promise<T>): Promise<T> {
  const open = Deno.open;
  Deno.open = async (path, options) => {
    const file = await open(path, options);
    if (options?.write && String(path).includes(word)) {
      file.write = () => Promise.reject(new Error("No space left on device (os error 28)"));
    }
    return file;
  };
  try {
    return await body();
  } finally {
    Deno.open = open;
  }
}

Deno.test("without room for the optimizer the model is kept, and that is said", async () => {
  for (
    const [save, word] of [[saveCheckpoint, "optimizer"], [saveBaseCheckpoint, "optim"]] as const
  ) {
    await inTempDir(async (dir) => {
      const contents = { step: 3, modelConfig, meta: {}, optimizer };
      await save(dir, "d1", { ...contents, stateDict: stateDict(1) });
      const lines: string[] = [];
      const saved = await withoutRoomFor(
        word,
        () =>
          save(
            dir,
            "d1",
            { ...contents, stateDict: stateDict(7) },
            (line) => void lines.push(line),
          ),
      );
      assertEquals(lines.length, 1);
      const [path, ...words] = lines[0].split(": ");
      assert(path.startsWith(saved.directory) && path.includes(word), lines[0]);
      assertEquals(
        words.join(": "),
        "cannot be written: No space left on device (os error 28); the model is saved without the " +
          "optimizer's state, so that a run can go on from it with a fresh optimizer only",
      );
      const source = save === saveCheckpoint ? "sft" : "base";
      const found = await findCheckpoint(dir, { source });
      assertEquals([found, found.optimizers.size], [saved, 0]);
      // The old optimizer's state does not belong to the new model.
      assertEquals(names(saved.directory).filter((name) => name.includes("optim")), []);
      using file = await openTorchFile(found.model);
      const weight = readStateDict(file, modelConfig).tensors.get("transformer.wte.weight")!;
      assertEquals((await weight.readFloat32())[0], 7);
    });
  }
});

Deno.test("without room for the model or its meta file, what was there stays", async () => {
  for (
    const [save, words] of [[saveCheckpoint, ["model", "meta"]], [
      saveBaseCheckpoint,
      ["model", "meta"],
    ]] as const
  ) {
    for (const word of words) {
      await inTempDir(async (dir) => {
        const contents = { step: 3, modelConfig, meta: {}, optimizer };
        const { directory } = await save(dir, "d1", { ...contents, stateDict: stateDict(1) });
        const before = names(directory);
        const again = () => save(dir, "d1", { ...contents, stateDict: stateDict(7) });
        const error = await assertRejects(() => withoutRoomFor(word, again), UserError);
        assertEquals(error.message.includes("cannot be written: No space left"), true);
        assertEquals(names(directory), before);
        const source = save === saveCheckpoint ? "sft" : "base";
        using file = await openTorchFile((await findCheckpoint(dir, { source })).model);
        const weight = readStateDict(file, modelConfig).tensors.get("transformer.wte.weight")!;
        assertEquals((await weight.readFloat32())[0], 1);
      });
    }
  }
});

Deno.test("a checkpoint is removed under all its names, and never passes for whole meanwhile", async () => {
  for (const [save, source] of [[saveCheckpoint, "sft"], [saveBaseCheckpoint, "base"]] as const) {
    for (let survived = 0, finished = false; !finished; survived++) {
      await inTempDir(async (dir) => {
        const contents = { modelConfig, meta: {}, optimizer, stateDict: stateDict(1) };
        const { directory } = await save(dir, "d1", { ...contents, step: 3 });
        const kept = names(directory);
        await save(dir, "d1", { ...contents, step: 13 });
        await Deno.writeTextFile(`${directory}/optim_000013_rank1.pt`, "");
        const remove = Deno.remove;
        let left = survived;
        Deno.remove = (path) => left-- > 0 ? remove(path) : Promise.reject(new Error("killed"));
        await removeCheckpoint(directory, 13).catch(() => {});
        Deno.remove = remove;
        finished = left >= 0;
        const present = new Set(names(directory));
        if (finished) assertEquals([...present], kept);
        const whole = (model: string, meta: string) => present.has(model) && present.has(meta);
        // nanochat takes the highest model, and needs all its files.
        if (present.has("model_000013.pt")) {
          assert(present.has("meta_000013.json") && present.has("optim_000013_rank0.pt"));
        }
        if (whole("step_13_model.pt", "step_13_meta.json")) {
          assert(present.has("step_13_optimizer.pt"));
        }
        assertEquals((await findCheckpoint(dir, { source, step: 3 })).optimizers.size, 1);
      });
    }
  }
});

Deno.test("what killed processes left half-written is swept, and nothing else", async () => {
  await inTempDir(async (dir) => {
    const left = [
      "step_3_model.pt.0123abcd.tmp",
      "step_3_optimizer.pt.0123abcd.tmp",
      "step_3_optimizer_rank10.pt.0123abcd.tmp",
      "step_3_meta.json.0123abcd.tmp",
      "model_000003.pt.0123abcd.tmp",
      "optim_000003_rank0.pt.0123abcd.tmp",
      "meta_000003.json.0123abcd.tmp",
      "meta_000003.json.tmp", // of earlier versions
      "metrics.jsonl.tmp",
    ];
    const others = ["notes.tmp", "step_3_model.pt", "my.pt.0123abcd.tmp", "metrics.jsonl"];
    for (const name of [...left, ...others]) await Deno.writeTextFile(`${dir}/${name}`, "12345");
    assertEquals(await sweepTemporaryFiles(dir), 5 * left.length);
    assertEquals(names(dir), others.sort());
  });
});

Deno.test("a process killed at any moment leaves nothing that looks complete but is not", async () => {
  await inTempDir(async (dir) => {
    // Play the save's last part: stop after each change of the directory, and look.
    const changes = ["remove", "rename", "link"] as const;
    const contents = { step: 3, modelConfig, meta: {}, optimizer };
    for (let survived = 0, finished = false; !finished; survived++) {
      const baseDir = `${dir}/${survived}`;
      await saveCheckpoint(baseDir, "d1", { ...contents, stateDict: stateDict(1) });
      const originals = changes.map((name) => Deno[name]);
      let left = survived;
      for (const [i, name] of changes.entries()) {
        Deno[name] = ((...args: [string, string]) => {
          if (left-- > 0) return (originals[i] as (...args: [string, string]) => unknown)(...args);
          return Promise.reject(new Error("killed"));
        }) as never;
      }
      try {
        const again = { ...contents, stateDict: stateDict(7), meta: { again: true } };
        await saveCheckpoint(baseDir, "d1", again);
      } catch (error) {
        assertInstanceOf(error, UserError);
      } finally {
        changes.forEach((name, i) => Deno[name] = originals[i] as never);
      }
      finished = left >= 0;
      const directory = `${baseDir}/chatsft_checkpoints/d1`;
      const present = new Set(names(directory));
      const pairs = [["step_3_model.pt", "step_3_meta.json"], [
        "model_000003.pt",
        "meta_000003.json",
      ]];
      for (const [model, meta] of pairs) {
        if (!present.has(model) || !present.has(meta)) continue;
        using file = await openTorchFile(`${directory}/${model}`);
        const weight = readStateDict(file, modelConfig).tensors.get("transformer.wte.weight")!;
        const isNew = (await readMeta(`${directory}/${meta}`)).raw.again === true;
        assertEquals((await weight.readFloat32())[0], isNew ? 7 : 1, `after ${survived} changes`);
      }
      assert(survived < 50);
    }
  });
});

Deno.test("a directory that cannot be made is a clear error", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "");
    const contents = { step: 1, modelConfig, meta: {}, stateDict: stateDict(1) };
    for (const save of [saveCheckpoint, saveBaseCheckpoint]) {
      await assertRejects(() => save(`${dir}/file`, "d1", contents), UserError, "cannot be");
    }
  });
});
