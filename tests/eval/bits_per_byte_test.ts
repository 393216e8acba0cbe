import { assert, assertEquals, assertRejects } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
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

Deno.test("an evaluation ends where it is told to, and is never NaN", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const { model, numbers, shape } = await parityModel(device, parityFolder(PARITY_MODELS[0]));
  const [B, T] = shape("x");
  const pass = new Pass(model, B, T);
  const batch = { x: Int32Array.from(numbers("x")), y: Int32Array.from(numbers("y")) };
  const tokenBytes = Int32Array.from(numbers("token_bytes"));
  const measure = (y: Int32Array, steps: number, signal?: AbortSignal) => {
    const batches = Array(steps).fill({ ...batch, y });
    return bitsPerByte(pass, batches, steps, tokenBytes, undefined, signal);
  };
  const controller = new AbortController();
  let done = 0;
  const stopAfterTwo = bitsPerByte(pass, Array(9).fill(batch), 9, tokenBytes, () => {
    if (++done === 2) controller.abort("enough");
  }, controller.signal);
  assertEquals([await stopAfterTwo.catch((reason) => reason), done], ["enough", 2]);
  await assertRejects(() => measure(batch.y.map(() => -1), 1), UserError, "no text");
  device.write(model.value("lm_head.weight"), Float32Array.of(NaN));
  await assertRejects(() => measure(batch.y, 1), UserError, "NaN");
  await device.close();
});
