import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openTorchFile, readMeta, writeTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { toModelConfigJson } from "../../lib/checkpoint/meta.ts";
import { checkParameters, readStateDict, type TorchFile } from "../../lib/checkpoint/mod.ts";
import { parameterSpecs } from "../../lib/model/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { inTempDir } from "../temp_dir.ts";
import { fixture } from "./torch_archive.ts";

const modelPath = fixture("parity/mha_full/model_000010.pt");
const { modelConfig } = await readMeta(fixture("parity/mha_full/meta_000010.json"));

/** Saves the reference model with its entries changed by `edit`, and opens it again. */
async function edited(
  dir: string,
  edit: (model: Map<unknown, unknown>) => Map<unknown, unknown> | void,
): Promise<TorchFile> {
  using original = await openTorchFile(modelPath);
  const model = original.root as Map<unknown, unknown>;
  await writeTorchFile(`${dir}/model.pt`, edit(model) ?? model);
  return await openTorchFile(`${dir}/model.pt`);
}

Deno.test("the meta file gives the model's shape under our names", async () => {
  const meta = await readMeta(fixture("parity/gqa_sliding/meta_000010.json"));
  assertEquals(meta.step, 10);
  assertEquals(meta.modelConfig, {
    sequenceLen: 256,
    vocabSize: 300,
    nLayer: 4,
    nHead: 4,
    nKvHead: 2,
    nEmbd: 64,
    windowPattern: "SSSL",
  });
  assertEquals(meta.raw.total_batch_size, 512);
});

Deno.test("a meta file's faults are named; a missing window pattern is L", async () => {
  const good = { sequence_len: 8, vocab_size: 9, n_layer: 2, n_head: 2, n_kv_head: 1, n_embd: 4 };
  await inTempDir(async (dir) => {
    const path = `${dir}/meta.json`;
    const read = async (json: unknown) => {
      await Deno.writeTextFile(path, typeof json === "string" ? json : JSON.stringify(json));
      return await readMeta(path);
    };
    const { modelConfig } = await read({ step: 0, model_config: good });
    assertEquals(modelConfig.windowPattern, "L");
    const bad: [unknown, string][] = [
      ["{", "not valid JSON"],
      ["[]", "not a JSON object"],
      [{ step: 1 }, "model_config"],
      [{ step: 1.5, model_config: good }, '"step"'],
      [{ step: 1, model_config: { ...good, n_layer: 0 } }, '"n_layer"'],
      [{ step: 1, model_config: { ...good, n_embd: "4" } }, '"n_embd"'],
      [{ step: 1, model_config: { ...good, n_kv_head: 3 } }, '"n_kv_head" 3'],
      [{ step: 1, model_config: { ...good, window_pattern: "LX" } }, '"window_pattern"'],
      [{ step: null, model_config: good }, '"step" must be a whole number from 1 up, but is null'],
      [{ step: [[]], model_config: good }, "but is a list"],
      [{ model_config: good }, '"step" must be a whole number from 1 up, but is missing'],
      [
        { step: 1, model_config: { ...good, num_experts: 8, top_k: 2 } },
        '"model_config" has what no model here has: "num_experts", "top_k"',
      ],
    ];
    for (const [json, reason] of bad) await assertRejects(() => read(json), UserError, reason);
    await assertRejects(() => readMeta(`${dir}/none.json`), UserError, "none.json");
  });
});

Deno.test("a meta file is read as Python writes it, and without a step goes by its name", async () => {
  const shape = JSON.stringify(toModelConfigJson(modelConfig));
  await inTempDir(async (dir) => {
    const read = async (name: string, text: string) => {
      await Deno.writeTextFile(`${dir}/${name}`, text);
      return await readMeta(`${dir}/${name}`);
    };
    const text =
      `\ufeff{"model_config": ${shape}, "loop_state": {"min_val_bpb": Infinity, "a": NaN}}`;
    for (const name of ["meta_000650.json", "step_650_meta.json"]) {
      const meta = await read(name, text);
      assertEquals([meta.step, meta.modelConfig], [650, modelConfig]);
      assertEquals(meta.raw.loop_state, { min_val_bpb: Infinity, a: NaN });
    }
    await assertRejects(() => read("x.json", text), UserError, '"step"');
    await Deno.writeFile(`${dir}/x.json`, Uint8Array.of(0x22, 0xff, 0x22));
    await assertRejects(() => readMeta(`${dir}/x.json`), UserError, "UTF-8");
  });
});

Deno.test("a present-day state dict is taken as it is", async () => {
  using file = await openTorchFile(modelPath);
  const { tensors, parts } = readStateDict(file, modelConfig);
  assertEquals(parts, { smear: true, backout: true });
  assertEquals([...tensors], [...file.root as typeof tensors]);
});

Deno.test("names of a compiled model lose their prefix", async () => {
  await inTempDir(async (dir) => {
    using file = await edited(dir, (model) => {
      return new Map(model.entries().map(([name, tensor]) => [`_orig_mod.${name}`, tensor]));
    });
    const { tensors } = readStateDict(file, modelConfig);
    assertEquals(tensors.get("transformer.h.0.attn.c_q.weight")!.shape, [32, 32]);
  });
});

Deno.test("what wraps a model is not part of its parameters' names", async () => {
  const wraps: ((name: string) => string)[] = [
    (name) => `module.${name}`,
    (name) => `module._orig_mod.${name}`,
    (name) => `_orig_mod.module.${name}`,
    (name) => `_orig_mod._orig_mod.module.module.${name}`,
    (name) => name.replace(/^(transformer\.h\.\d+)/, "$1._orig_mod"),
  ];
  await inTempDir(async (dir) => {
    using original = await openTorchFile(modelPath);
    const names = [...(original.root as Map<string, unknown>).keys()];
    for (const wrap of wraps) {
      using file = await edited(dir, (model) => {
        return new Map(model.entries().map(([name, tensor]) => [wrap(String(name)), tensor]));
      });
      assertEquals([...readStateDict(file, modelConfig).tensors.keys()], names);
    }
    using file = await edited(dir, (model) => {
      model.set("module.lm_head.weight", model.get("lm_head.weight"));
    });
    assertThrows(() => readStateDict(file, modelConfig), UserError, '"lm_head.weight" twice');
  });
});

Deno.test("a model's file must hold its parameters and nothing else", async () => {
  const check = (file: TorchFile) => {
    const { tensors, parts } = readStateDict(file, modelConfig);
    checkParameters(tensors, parameterSpecs(modelConfig, parts), file.name);
  };
  await inTempDir(async (dir) => {
    using original = await openTorchFile(modelPath);
    check(original);
    const faults: [(model: Map<unknown, unknown>) => void, string][] = [
      [
        (model) => model.set("v0_lambdas", model.get("resid_lambdas")),
        'has 1 that the model lacks ("v0_lambdas")',
      ],
      [
        (model) => model.set("transformer.h.0.attn.bias\n", model.get("smear_lambda")),
        '("transformer.h.0.attn.bias\\n")',
      ],
      [
        (model) => {
          model.delete("lm_head.weight");
          model.delete("transformer.h.1.mlp.c_fc.weight");
          model.set("head", model.get("smear_lambda"));
        },
        "lacks 2 parameters (transformer.h.1.mlp.c_fc.weight, lm_head.weight) and has 1 that",
      ],
      [
        (model) => model.set("lm_head.weight", model.get("smear_lambda")),
        "lm_head.weight should be (320, 32), but is (1)",
      ],
    ];
    for (const [edit, reason] of faults) {
      using file = await edited(dir, (model) => void edit(model));
      const { message } = assertThrows(() => check(file), UserError, reason);
      assertEquals(message.startsWith(file.name), true);
    }
  });
});

Deno.test("what older checkpoints lack is off, with the constants of their time", async () => {
  await inTempDir(async (dir) => {
    const lacking = ["smear_lambda", "smear_gate.weight", "backout_lambda"];
    using file = await edited(dir, (model) => lacking.forEach((name) => void model.delete(name)));
    const { tensors, parts } = readStateDict(file, modelConfig);
    assertEquals(parts, { smear: false, backout: false, qkScale: 1.15, windows: "third" });
    checkParameters(tensors, parameterSpecs(modelConfig, parts), file.name);
  });
});

Deno.test("files that are no model, or another than the meta file says, are refused", async () => {
  await inTempDir(async (dir) => {
    const edits: [(model: Map<unknown, unknown>) => Map<unknown, unknown> | void, string][] = [
      [() => new Map([["step", 1]]), '"step" is no tensor'],
      [(model) => void model.delete("smear_lambda"), "not both"],
      [(model) => void model.delete("transformer.wte.weight"), "not a nanochat model"],
      [(model) => {
        model.set("transformer.h.2.attn.c_q.weight", model.get("smear_lambda"));
      }, "3 layers"],
    ];
    for (const [edit, reason] of edits) {
      using file = await edited(dir, edit);
      assertThrows(() => readStateDict(file, modelConfig), UserError, reason);
    }
    using file = await openTorchFile(modelPath);
    for (const wrong of [{ nEmbd: 64 }, { vocabSize: 321 }, { nLayer: 1 }]) {
      const config = { ...modelConfig, ...wrong };
      assertThrows(() => readStateDict(file, config), UserError, "meta file");
    }
    using single = await openTorchFile(fixture("tokenizer/token_bytes.pt"));
    assertThrows(() => readStateDict(single, modelConfig), UserError, "state dict");
  });
});
