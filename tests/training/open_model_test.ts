/** How the weights of a checkpoint are kept on a device. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "@std/path";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { openStored } from "../../lib/export/mod.ts";
import { findModel, openModel } from "../../lib/training/mod.ts";
import { weightType } from "../../lib/training/compute_type.ts";
import { UserError } from "../../lib/errors.ts";
import { smallBaseDir } from "./small_base_dir.ts";

/** A model of 286 million parameters: 1.07 GiB in float32. */
const LARGE = {
  config: {
    sequenceLen: 2048,
    vocabSize: 32768,
    nLayer: 12,
    nHead: 6,
    nKvHead: 6,
    nEmbd: 768,
    windowPattern: "L",
  },
  parts: { smear: true, backout: true },
};

Deno.test("weights are rounded to bfloat16 where asked for", async () => {
  const baseDir = await smallBaseDir();
  const device = await createCpuDevice({ threads: 1 });
  const open = async (weights?: "bfloat16" | "float32") => {
    const { model, rounded } = await openModel(device, baseDir, { source: "base", weights });
    const { dtype } = model.value("lm_head.weight");
    model.free();
    return { dtype, rounded };
  };
  for (const weights of [undefined, "float32"] as const) {
    assertEquals(await open(weights), { dtype: "float32", rounded: 0 });
  }
  const half = await open("bfloat16");
  assertEquals(half.dtype, "bfloat16");
  assert(half.rounded > 0);
  await device.close();
});

Deno.test("the weights of large models are in bfloat16 on the CPU, unless float32 is asked for", async () => {
  const cpu = await createCpuDevice({ threads: 1 });
  const small = { ...LARGE, config: { ...LARGE.config, nLayer: 10 } };
  assertEquals(weightType(cpu, LARGE), "bfloat16");
  assertEquals(weightType(cpu, LARGE, "float32"), "float32");
  assertEquals(weightType(cpu, small), "float32");
  assertEquals(weightType(cpu, small, "bfloat16"), "bfloat16");
  assertThrows(
    () => weightType(cpu, small, "float16"),
    UserError,
    'weights must be float32 or bfloat16 on the CPU device, but is "float16"',
  );
  await cpu.close();
});

Deno.test("a model of another vocabulary is told by its tokenizer, which says what to do", async () => {
  const baseDir = await smallBaseDir();
  const path = join(baseDir, "base_checkpoints/d2/meta_000007.json");
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, text.replace('"vocab_size":4096', '"vocab_size":4000'));
  const options = { source: "base" } as const;
  for (const open of [() => findModel(baseDir, options), () => openStored(options, baseDir)]) {
    const { message } = await assertRejects(open, UserError, "use the tokenizer that the model");
    assertStringIncludes(message, "was trained with 4000 tokens, but the tokenizer in");
  }
});
