import { assert } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { bitsPerByte } from "../../lib/eval/mod.ts";
import { Pass } from "../../lib/model/mod.ts";
import { parityModel } from "../model/parity.ts";
import { PARITY_MODELS, parityFolder } from "../model/parity_folders.ts";

Deno.test("a long evaluation lets timers and signals have their turn", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const { model, numbers, shape } = await parityModel(device, parityFolder(PARITY_MODELS[0]));
  const [B, T] = shape("x");
  const pass = new Pass(model, B, T);
  const batch = { x: Int32Array.from(numbers("x")), y: Int32Array.from(numbers("y")) };
  let stopped = false;
  setTimeout(() => stopped = true, 300);
  // Without a pause the timer would never come, and the last batch would end the evaluation.
  const latest = performance.now() + 5000;
  function* batches() {
    while (!stopped && performance.now() < latest) yield batch;
  }
  await bitsPerByte(pass, batches(), Infinity, Int32Array.from(numbers("token_bytes")));
  assert(stopped);
  await device.close();
});
