/** How the weights of a checkpoint are kept on a device. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { openModel } from "../../lib/training/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { Float64Device } from "../device/float64_device.ts";
import { smallBaseDir } from "./small_base_dir.ts";

Deno.test("weights are kept in bfloat16 where asked for, small models by size in float32", async () => {
  const baseDir = await smallBaseDir();
  const device = await createCpuDevice({ threads: 1 });
  const open = async (weights?: "bfloat16" | "float32" | "bySize") => {
    const opened = await openModel(device, baseDir, { source: "base", weights });
    const { dtype } = opened.model.value("lm_head.weight");
    assertEquals(opened.weights.dtype, dtype);
    opened.model.free();
    return { dtype, rounded: opened.weights.rounded };
  };
  for (const weights of [undefined, "float32", "bySize"] as const) {
    assertEquals(await open(weights), { dtype: "float32", rounded: 0 });
  }
  const half = await open("bfloat16");
  assertEquals(half.dtype, "bfloat16");
  assert(half.rounded > 0);
  await device.close();
});

Deno.test("weights in bfloat16 are refused where the device is not the CPU", async () => {
  const baseDir = await smallBaseDir();
  const opening = openModel(new Float64Device(), baseDir, { source: "base", weights: "bfloat16" });
  await assertRejects(
    () => opening,
    UserError,
    'weights must be float32 unless the device is the CPU, but is "bfloat16"',
  );
});
