import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { bitsPerByte } from "../../lib/eval/mod.ts";
import { Pass } from "../../lib/model/mod.ts";
import { parityModel } from "../model/parity.ts";
import { PARITY_MODELS, parityFolder } from "../model/parity_folders.ts";
import { inProcess, onRanks } from "../ranks/in_process.ts";

/** The first parity model, and batches of which each has other targets than the last. */
async function measured() {
  const device = await createCpuDevice({ threads: 1 });
  const { model, numbers, shape } = await parityModel(device, parityFolder(PARITY_MODELS[0]));
  const [B, T] = shape("x");
  const x = Int32Array.from(numbers("x")), y = Int32Array.from(numbers("y"));
  const batches = [1, 2, 3, 5, 7].map((few) => ({ x, y: y.map((id, i) => i % few ? -1 : id) }));
  const tokenBytes = Int32Array.from(numbers("token_bytes"));
  return { device, model, batches, tokenBytes, passOf: () => new Pass(model, B, T) };
}

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

Deno.test("bits per byte of ranks are of the sums of all, not a mean of quotients", async () => {
  const { device, batches, tokenBytes, passOf } = await measured();
  const alone = await bitsPerByte(passOf(), batches, Infinity, tokenBytes);
  const each = await Promise.all(batches.map((batch) => {
    return bitsPerByte(passOf(), [batch], 1, tokenBytes);
  }));
  const mean = each.reduce((sum, bpb) => sum + bpb, 0) / each.length;
  assert(Math.abs(mean - alone) > 1e-3);
  // With six ranks there is one that has nothing to measure.
  for (const worldSize of [2, 3, 6]) {
    const bpbs = await onRanks(worldSize, (ranks) => {
      const own = batches.filter((_, i) => i % worldSize === ranks.rank);
      return bitsPerByte(passOf(), own, own.length, tokenBytes, undefined, undefined, { ranks });
    });
    bpbs.forEach((bpb) => assertAlmostEquals(bpb, alone, 1e-12));
    assertEquals(new Set(bpbs).size, 1);
  }
  await device.close();
});

Deno.test("a measurement that fails or is stopped on one rank ends on all", async () => {
  const { device, batches, tokenBytes, passOf } = await measured();
  const outcomes = async (of: (rank: number) => Iterable<typeof batches[0]>) => {
    const controllers = [0, 1, 2].map(() => new AbortController());
    return await Promise.all(
      inProcess(3).map(async (ranks) => {
        const { signal } = controllers[ranks.rank];
        const stop = () => controllers[ranks.rank].abort("with another");
        const onBatch = (done: number) => {
          if (ranks.rank === 2 && done === 4) controllers[2].abort("enough");
        };
        const others = { ranks, stop };
        try {
          const own = of(ranks.rank);
          return await bitsPerByte(passOf(), own, Infinity, tokenBytes, onBatch, signal, others);
        } catch (error) {
          return error instanceof Error ? error.message : error;
        }
      }),
    );
  };
  assertEquals(await outcomes(() => batches), ["with another", "with another", "enough"]);
  function* broken() {
    yield batches[0];
    throw new UserError("no more");
  }
  const failed = await outcomes((rank) => rank === 1 ? broken() : batches.slice(0, 1));
  assertEquals(failed, ["rank 1: no more", "no more", "rank 1: no more"]);
  const noText = "there is no text in what is measured, so no bits per byte";
  assertEquals(await outcomes(() => []), Array(3).fill(noText));
  await device.close();
});
