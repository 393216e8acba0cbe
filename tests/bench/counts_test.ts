/** What the counting WebGPU says an operation moves. */
import { assertEquals } from "@std/assert";
import { countingWebGpu } from "../../bench/counts/counting_webgpu.ts";
import type { Operations } from "../../lib/device/mod.ts";
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import {
  allocateArgs,
  callOperation,
  ints,
  positive,
  random,
  type SpecifiedArgs,
} from "../device/check_operation.ts";

const matmulTile = { BK: 16, RM: 8, RN: 8, TX: 16, TY: 16 } as const;

/** What an operation asks for; bytes in float32 numbers. */
async function asked<K extends keyof Operations>(
  operation: K,
  specified: SpecifiedArgs<K>,
): Promise<{ dispatches: number; copies: number; numbers: number }> {
  const { gpu, counted } = countingWebGpu();
  const device = await createWebGpuDevice({ gpu, matmulTile });
  const { args } = allocateArgs(device, specified);
  const { bytes, ...before } = { ...counted };
  callOperation(device, operation, args);
  device.submit();
  return {
    dispatches: counted.dispatches - before.dispatches,
    copies: counted.copies - before.copies,
    numbers: (counted.bytes - bytes) / 4,
  };
}

Deno.test("what is read is counted once, as is what is written", async () => {
  const x = random([6, 8]);
  assertEquals(await asked("rmsNorm", { out: random([6, 8]), x }), {
    dispatches: 1,
    copies: 0,
    numbers: 2 * 48,
  });
});

Deno.test("what is read and written is counted twice", async () => {
  const settings = { lr: 0.1, beta1: 0.8, beta2: 0.9, eps: 1e-9, weightDecay: 0, step: 1 };
  const [p, g, m] = [1, 2, 3].map(() => random([64]));
  const { numbers } = await asked("adamW", { p, g, m, v: positive([64]), ...settings });
  assertEquals(numbers, 7 * 64);
});

Deno.test("of a table only the chosen rows are counted", async () => {
  const args = { out: random([3, 8]), table: random([100, 8]), ids: ints([0, 9, 99]) };
  assertEquals((await asked("embedding", args)).numbers, 2 * 24 + 3);
  const rows = { out: random([2, 8]), x: random([50, 8]), index: ints([7, 3]) };
  assertEquals((await asked("gatherRows", rows)).numbers, 2 * 16 + 2);
});

Deno.test("zeros and copies are counted apart from dispatches", async () => {
  const zeros = await asked("zero", { x: random([10]) });
  assertEquals(zeros, { dispatches: 0, copies: 1, numbers: 10 });
  const copies = await asked("copy", { out: random([10]), x: random([10]) });
  assertEquals(copies, { dispatches: 0, copies: 1, numbers: 20 });
});
