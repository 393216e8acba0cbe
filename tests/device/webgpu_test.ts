/** What is particular to the WebGPU device: order, memory, limits, failures. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import halves from "../../kernels/webgpu/halves.wgsl" with { type: "text" };
import { type Device, sizeOf } from "../../lib/device/mod.ts";
import { openAdapter } from "../../lib/device/webgpu/adapter.ts";
import { elementwiseOperations } from "../../lib/device/webgpu/elementwise.ts";
import { Gpu } from "../../lib/device/webgpu/gpu.ts";
import { matmulOperations } from "../../lib/device/webgpu/matmul.ts";
import { MATMUL_TILES } from "../../lib/device/webgpu/matmul_tile.ts";
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import { storage } from "../../lib/device/webgpu/storage.ts";
import { Transfers } from "../../lib/device/webgpu/transfers.ts";
import { UserError } from "../../lib/errors.ts";
import { randomNumbers, roundTo } from "./check_operation.ts";
import { testedGpu, webGpu } from "./devices.ts";

const { device } = await webGpu("webgpu");

function test(name: string, run: (device: Device) => Promise<void> | void): void {
  Deno.test({ name: `webgpu: ${name}`, ignore: !device, fn: () => run(device!) });
}

function filled(device: Device, shape: number[], value: (i: number) => number) {
  const tensor = device.allocate("filled", shape);
  device.write(tensor, Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)));
  return tensor;
}

test("writes, operations and copies keep their order", async (device) => {
  const x = filled(device, [3], (i) => i), y = filled(device, [3], () => 1);
  assertEquals(await device.read(device.allocate("new", [2])), Float32Array.of(0, 0));
  device.combine({ out: x, x, y, a: 1, b: 1 });
  const before = device.stage(x);
  device.write(x, Float32Array.of(7), 1);
  device.write(y, Float32Array.of(2, 2, 2));
  device.combine({ out: x, x, y, a: 1, b: 1 });
  const after = device.stage(x, 1, 2);
  device.submit();
  device.zero({ x });
  assertEquals(await after.values(), Float32Array.of(9, 5));
  assertEquals(await before.values(), Float32Array.of(1, 2, 3));
  assertEquals(await device.read(x), new Float32Array(3));
});

test("a view shares memory, and other shapes of a tensor are told apart", async (device) => {
  const x = filled(device, [4, 6], (i) => i);
  const view = device.view(x, [2, 3]);
  device.zero({ x: view });
  assertEquals((await device.read(x)).slice(4, 8), Float32Array.of(0, 0, 6, 7));
  assertThrows(() => device.view(x, [5, 5]), RangeError, "filled has 24 elements");
  assertThrows(() => device.write(view, new Float32Array(7)), RangeError, "6 elements");
  const ids = device.allocate("ids", [2], "int32");
  device.write(ids, Int32Array.of(-1, 5));
  assertEquals(await device.read(ids), Int32Array.of(-1, 5));
});

test("memory is counted, and freed while operations still need it", async (device) => {
  const start = device.memory.used;
  const x = filled(device, [1000], () => 1), y = filled(device, [1000], () => 2);
  assertEquals(device.memory.used - start, 8000);
  device.combine({ out: x, x, y, a: 1, b: 1 });
  device.free(y);
  assertEquals(device.memory.used - start, 4000);
  assertEquals(await device.read(x, 0, 2), Float32Array.of(3, 3));
  device.free(x);
  assert(device.memory.peak >= start + 8000);
});

test("what does not fit names the tensor, its size and the limit", async () => {
  const small = await createWebGpuDevice({
    gpu: testedGpu,
    maxMemoryBytes: 1e6,
    maxBindingBytes: 4096,
  });
  assertThrows(
    () => small.allocate("activations", [500, 1000]),
    UserError,
    "cannot hold activations (500, 1000), 1.9 MiB",
  );
  assertThrows(
    () => small.allocate("logits", [1 << 20, 1 << 12]),
    UserError,
    "a buffer of this adapter has at most",
  );
  const [q, k, v, out] = ["q", "k", "v", "out"].map((name) => small.allocate(name, [1, 40, 1, 32]));
  const lse = small.allocate("lse", [1, 1, 40]);
  const attend = () => small.attention({ out, lse, q, k, v, window: 40 });
  assertThrows(attend, UserError, "kernels of this adapter see at most 4096 bytes");
  await small.close();
});

test("a grid of more than 65535 workgroups", async (device) => {
  // Not a multiple of four, so each thread does one number.
  const count = 64 * 65600 + 1;
  const x = device.allocate("x", [count]);
  device.write(x, Float32Array.of(5, 6), 100);
  device.write(x, Float32Array.of(7, 8), count - 2);
  device.softcap({ x, cap: 2 });
  const ends = await Promise.all([device.read(x, 100, 2), device.read(x, count - 2)]);
  const expected = [5, 6, 7, 8].map((value) => 2 * Math.tanh(value / 2));
  ends.flatMap((e) => [...e]).forEach((value, i) => assertAlmostEquals(value, expected[i], 1e-6));
  device.free(x);
});

test("more operations than one submission has room for", async (device) => {
  const x = filled(device, [1], () => 0), y = filled(device, [1], () => 1);
  for (let i = 0; i < 33000; i++) device.combine({ out: x, x, y, a: 1, b: 1 });
  assertEquals(await device.read(x), Float32Array.of(33000));
});

test("nothing is kept of tensors that were freed", async () => {
  const gpu = new Gpu((await openAdapter({ gpu: testedGpu })).device, 1 << 20, 1 << 24);
  const transfers = new Transfers(gpu);
  const { combine } = elementwiseOperations(gpu);
  const [lasting, other] = [1, 2].map(() => gpu.allocate("lasting", [64], "float32"));
  const sizes: unknown[] = [];
  for (let round = 0; round < 200; round++) {
    const passing = gpu.allocate("passing", [64], "float32");
    combine({ out: passing, x: lasting, y: other, a: 1, b: 1 });
    combine({ out: lasting, x: lasting, y: passing, a: 1, b: 1 });
    if (round % 50 === 0) await transfers.read(lasting);
    gpu.free(passing);
    sizes.push({ ...gpu.bindGroups.cached, used: gpu.memory.used });
  }
  // The lasting tensors were bound with passing ones alone.
  assertEquals(gpu.bindGroups.cached, { bindGroups: 0, keys: 0 });
  assertEquals(sizes.at(-1), sizes[0]);
  combine({ out: lasting, x: lasting, y: other, a: 1, b: 1 });
  assertEquals(gpu.bindGroups.cached, { bindGroups: 1, keys: 2 });
  await transfers.close();
});

test("the same inputs give the same bits", async (device) => {
  const next = randomNumbers(3);
  const [a, b] = [1, 2].map(() => filled(device, [300, 200], next));
  const results: (Float32Array | Int32Array)[] = [];
  for (let i = 0; i < 3; i++) {
    const out = device.allocate("out", [200, 200]), total = device.allocate("total", [1]);
    device.matmul({ out, a, b, layout: "tn" });
    device.sum({ out: total, x: out, scale: 1 });
    results.push(await device.read(out), await device.read(total));
  }
  assertEquals(results.slice(0, 2), results.slice(2, 4));
  assertEquals(results.slice(0, 2), results.slice(4, 6));
});

test("a system that limits a submission's time is given long products in parts", async () => {
  const gpu = new Gpu((await openAdapter({ gpu: testedGpu })).device, 1 << 20, 1 << 24);
  const [out, a, b] = [[400, 32], [400, 64], [32, 64]].map((shape) =>
    gpu.allocate("operand", shape, "float32")
  );
  const ones = new Transfers(gpu);
  [a, b].forEach((x) => ones.write(x, new Float32Array(x.size).fill(1)));
  let submissions = 0;
  const { queue } = gpu.device, submit = queue.submit.bind(queue);
  queue.submit = (buffers) => (submissions++, submit(buffers));
  const { matmul } = matmulOperations(gpu, () => ({ tile: MATMUL_TILES[0], splits: 1 }));
  gpu.maxWork = 128 * 32 * 64;
  matmul({ out, a, b, layout: "nt" });
  assertEquals(await ones.read(out), new Float32Array(out.size).fill(64));
  assertEquals(submissions, 4);
  await ones.close();
});

test("an error that the driver reports is thrown, not lost", async () => {
  const gpu = new Gpu((await openAdapter({ gpu: testedGpu })).device, 1 << 20, 1 << 20);
  gpu.kernel("@compute @workgroup_size(1) fn main() { nonsense(); }");
  await gpu.device.queue.onSubmittedWorkDone();
  assertThrows(() => gpu.allocate("x", [1], "float32"), Error, "nonsense");
  gpu.device.destroy();
});

Deno.test("without an adapter the error says how to get one", async () => {
  const module = new URL("../../lib/device/open.ts", import.meta.url).href;
  const program = `import { openDevice } from "${module}";
    await openDevice({ deviceType: "webgpu" })
      .catch((error) => console.log(error.name, error.message));`;
  // A backend that this operating system does not have.
  const backend = Deno.build.os === "windows" ? "metal" : "dx12";
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-check",
      "--config",
      fromFileUrl(new URL("../../deno.json", import.meta.url)),
      program,
    ],
    env: { DENO_WEBGPU_BACKEND: backend },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertStringIncludes(text, "UserError No WebGPU adapter was found");
  if (Deno.build.os === "linux") assertStringIncludes(text, "apt-get install mesa-vulkan-drivers");
});

test("numbers in memory that threads share are written", async (device) => {
  const x = device.allocate("x", [4]);
  const shared = new Float32Array(new SharedArrayBuffer(32), 8, 4);
  shared.set([1, 2, 3, 4]);
  device.write(x, shared);
  assertEquals(await device.read(x), Float32Array.of(1, 2, 3, 4));
});

test("numbers of 16 bits come back rounded, and only to kernels that take them", async (device) => {
  const values = Float32Array.of(1, -2.00390625, 1e-9, 7e4, -Infinity, NaN, 2.0078125, 65519);
  const rounded = {
    bfloat16: [1, -2, 1e-9, 7e4, -Infinity, NaN, 2, 65519].map((x) =>
      roundTo(Float32Array.of(x), "bfloat16")[0]
    ),
    float16: [1, -2.00390625, 0, 65504, -Infinity, NaN, 2.0078125, 65504],
  };
  for (const dtype of ["bfloat16", "float16"] as const) {
    const before = device.memory.used;
    const x = device.allocate("x", [2, 4], dtype), y = device.allocate("y", [2, 4], dtype);
    assertEquals(device.memory.used - before, 32);
    device.write(x, values);
    device.copy({ out: y, x });
    device.zero({ x: device.view(x, [1, 4]) });
    assertEquals([...await device.read(y)], [...Float32Array.from(rounded[dtype])]);
    assertEquals([...await device.read(x, 2, 4)], [0, 0, ...rounded[dtype].slice(4, 6)]);
    assertThrows(() => device.combine({ out: y, x: y, y: x, a: 1, b: 1 }), TypeError, "kernel");
    assertThrows(() => device.stage(x, 1), RangeError, "two at a time");
    for (const tensor of [x, y]) device.free(tensor);
  }
});

/** Numbers of float16, of every size, and such as lie about halfway to the next. */
function nearFloat16(): Float32Array {
  const bits = Uint16Array.from({ length: 2 ** 11 }, (_, i) => i * 31 % 0x7bff);
  const next = new Float16Array(bits.map((value) => value + 1).buffer);
  const numbers = [...new Float16Array(bits.buffer)];
  return Float32Array.from(numbers.flatMap((number, i) => {
    const sign = i % 2 === 0 ? 1 : -1;
    return [0, 0.499, 0.5, 0.501].map((part) => sign * (number + part * (next[i] - number)));
  }));
}

/** A conversion that rounds towards zero, as some GPUs' does, for numbers that float16 reaches. */
const TRUNCATE = `
fn truncated(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let normal = ((bits & 0x7fffffffu) - 0x38000000u) >> 13u;
  return ((bits >> 16u) & 0x8000u) | select(normal, u32(abs(x) * 0x1p24), abs(x) < 0x1p-14);
}
fn truncate(x: vec2f) -> u32 { return truncated(x.x) | (truncated(x.y) << 16u); }
`;

const NARROW = `
struct Args { count: u32, }
@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<$OUT>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < args.count) { out[id.x] = $OUT_NARROW(x[id.x]); }
}`;

test("kernels round to 16 bits to nearest, whichever way the GPU itself does", async () => {
  const gpu = new Gpu((await openAdapter({ gpu: testedGpu })).device, 1 << 20, 1 << 24);
  const transfers = new Transfers(gpu);
  const values = Float32Array.of(...nearFloat16(), NaN, -Infinity, Infinity, -3.4e38);
  const x = gpu.allocate("x", [values.length], "float32");
  transfers.write(x, values);
  const truncating = TRUNCATE + halves.replaceAll(/\bpack2x16float\b/g, "truncate");
  for (const dtype of ["bfloat16", "float16"] as const) {
    const out = gpu.allocate("out", x.shape, dtype);
    for (const source of dtype === "float16" ? [halves, truncating] : [halves]) {
      const kernel = gpu.kernel(source + NARROW, storage("OUT", out, 4));
      const count = values.length / 4;
      gpu.run(kernel, { x, out }, { count }, Math.ceil(count / 64));
      assertEquals(await transfers.read(out), roundTo(values, dtype));
    }
  }
  await transfers.close();
});
