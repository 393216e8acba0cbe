/** A GPU that is lost, or has no more memory, ends everything with one line; nothing waits for it. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { Device } from "../../lib/device/mod.ts";
import { MATMUL_TILES } from "../../lib/device/webgpu/matmul_tile.ts";
import { createWebGpuDevice, findAdapter } from "../../lib/device/webgpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { preparedGpu } from "./prepared_gpu.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";

const ignore = !await findAdapter();

/** A device, and the GPUDevice beneath it. */
async function open(prepare: (gpu: GPUDevice) => void = () => {}) {
  let opened!: GPUDevice;
  const gpu = preparedGpu((device) => prepare(opened = device));
  const device = await createWebGpuDevice({ gpu, matmulTile: MATMUL_TILES[0] });
  return { device, gpu: opened };
}

/** What a promise comes to, if it comes to anything soon. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it waits")), 5000);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Two tensors, and an operation on them that was submitted. */
function work(device: Device) {
  const [x, out] = ["x", "out"].map((name) => device.allocate(name, [64, 64]));
  device.matmul({ out, a: x, b: x, layout: "nt" });
  const readback = device.stage(out);
  device.submit();
  return { x, out, readback };
}

const uses: Record<string, (device: Device, held: ReturnType<typeof work>) => unknown> = {
  "a copy that is fetched": (_, { readback }) => readback.values(),
  "a read": (device, { x }) => device.read(x),
  "synchronize": (device) => device.synchronize(),
  "a write": (device, { x }) => device.write(x, new Float32Array(4)),
  "allocate": (device) => device.allocate("more", [4]),
  "stage": (device, { x }) => device.stage(x),
  "submit": (device, { x, out }) => {
    device.matmul({ out, a: x, b: x, layout: "nt" });
    device.submit();
  },
};

for (const [name, use] of Object.entries(uses)) {
  Deno.test({
    name: `webgpu: a lost GPU ends ${name} with one line`,
    ignore,
    fn: async () => {
      const { device, gpu } = await open();
      const held = work(device);
      gpu.destroy();
      await gpu.lost;
      const error = await assertRejects(
        async () => await soon((async () => await use(device, held))()),
        UserError,
        "The GPU was lost",
      );
      assertEquals(error.detail, { kind: "deviceLost" });
      assertEquals(error.message.includes("\n"), false);
      // What is given back and closed on the way out does not hide the error.
      device.free(held.x);
      await soon(device.close());
    },
  });
}

Deno.test("webgpu: a GPU lost while it is waited for", { ignore }, async () => {
  const { mapAsync } = GPUBuffer.prototype;
  for (const answers of [true, false]) {
    const { device, gpu } = await open();
    const { readback } = work(device);
    if (!answers) GPUBuffer.prototype.mapAsync = () => new Promise(() => {});
    const values = readback.values();
    gpu.destroy();
    await assertRejects(() => soon(values), UserError, "The GPU was lost");
    GPUBuffer.prototype.mapAsync = mapAsync;
    await soon(device.close());
  }
});

Deno.test("webgpu: a device that is closed was not lost", { ignore }, async () => {
  const { device } = await open();
  const { readback } = work(device);
  assertEquals((await readback.values()).length, 4096);
  await device.close();
});

/** Makes the GPU refuse buffers from a size on. */
function refuseFrom(bytes: number, gpu: GPUDevice): void {
  const { createBuffer, popErrorScope } = gpu;
  let refused = false;
  gpu.createBuffer = (descriptor) => {
    refused = descriptor.size >= bytes;
    return createBuffer.call(gpu, { ...descriptor, size: refused ? 256 : descriptor.size });
  };
  gpu.popErrorScope = async () => {
    const found = refused ? new GPUOutOfMemoryError("full") : null;
    return await popErrorScope.call(gpu) ?? found;
  };
}

Deno.test("webgpu: a GPU without memory names what it had none for", { ignore }, async () => {
  const { device } = await open((gpu) => refuseFrom(2 ** 22, gpu));
  device.allocate("activations", [2 ** 20]);
  for (const use of [() => device.submit(), () => device.allocate("more", [1])]) {
    // Reported by the driver after the fact.
    await new Promise((resolve) => setTimeout(resolve, 0));
    const error = assertThrows(use, UserError, "cannot hold activations (1048576), 4.0 MiB");
    assertEquals(error.detail?.kind, "memory");
  }
  await device.close();
});

Deno.test("webgpu: a GPU without memory for a copy to read", { ignore }, async () => {
  const { device } = await open((gpu) => refuseFrom(2 ** 13, gpu));
  const tensors = [1, 2, 3, 4].map(() => device.allocate("x", [1024]));
  const [x] = tensors;
  assertEquals((await device.read(x)).length, 1024);
  await device.close();
  const { device: other } = await open((gpu) => refuseFrom(2 ** 12, gpu));
  const y = other.allocate("y", [1000]);
  await assertRejects(
    () => soon(other.read(y)),
    UserError,
    "out of memory for a copy of 4000 bytes",
  );
  await other.close();
});

Deno.test(
  "webgpu: errors of a full GPU that nobody asked for are told as such",
  { ignore },
  async () => {
    const { device, gpu } = await open();
    const report = (error: GPUError) =>
      gpu.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error }));
    // What follows from it comes first.
    report(new GPUValidationError("the buffer is invalid"));
    report(new GPUOutOfMemoryError("heap is full"));
    const error = assertThrows(() => device.allocate("x", [1]), UserError, "out of memory");
    assertStringIncludes(error.message, "heap is full");
    await device.close();
  },
);

Deno.test("webgpu: an adapter that gives no device", { ignore }, async () => {
  const { info, limits, features } = (await findAdapter())!;
  const requestDevice = () => Promise.reject(new DOMException("no", "OperationError"));
  const requestAdapter = () => Promise.resolve({ info, limits, features, requestDevice });
  const gpu = { requestAdapter } as unknown as GPU;
  await assertRejects(() => createWebGpuDevice({ gpu }), UserError, "cannot be used: no");
});

/**
 * Loses the GPU after some submissions of the program that it is loaded before. It ends what it has
 * begun and begins nothing more, as one does that is lost: a software driver that still compiled a
 * kernel when the program ends would crash.
 */
const LOSING = (submissions: number) => `
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    const { queue } = device, submit = queue.submit.bind(queue);
    let left = ${submissions};
    queue.submit = (buffers) => {
      if (left < 0) return;
      submit(buffers);
      if (left-- === 0) queue.onSubmittedWorkDone().then(() => device.destroy());
    };
    return device;
  };`;

Deno.test("webgpu: a program that loses its GPU ends with one line", { ignore }, async () => {
  const baseDir = await smallBaseDir();
  const program = fromFileUrl(new URL("../../mod.ts", import.meta.url));
  const preload = await Deno.makeTempFile({ suffix: ".js" });
  const flags = ["--device-type", "webgpu"];
  const commands = [
    ["eval", "--source", "base", "--tasks", "MMLU|GSM8K", "--max-new-tokens", "4", ...flags],
    ["chat", "--source", "base", "--prompt", "Hi", ...flags],
  ];
  for (const args of commands) {
    for (const submissions of [0, 30]) {
      await Deno.writeTextFile(preload, LOSING(submissions));
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--preload", preload, program, ...args],
        env: { NANOCHAT_BASE_DIR: baseDir, NO_COLOR: "1" },
        signal: AbortSignal.timeout(60_000),
      }).output();
      const problems = new TextDecoder().decode(stderr);
      assertEquals(code, 1, problems);
      assertEquals(problems.split("The GPU was lost").length, 2, problems);
      assert(!/^ {4}at |Uncaught/m.test(problems), problems);
    }
  }
  await Deno.remove(preload);
  await Deno.remove(baseDir, { recursive: true });
});
