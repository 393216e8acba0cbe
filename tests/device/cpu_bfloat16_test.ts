/**
 * Weights in bfloat16 on the CPU device: every operation that takes them gives what float64 gives
 * for the rounded numbers, and every other one refuses them.
 */
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import type { Device, MatmulArgs, Tensor } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { sizeOf } from "../../lib/shapes.ts";
import { randomNumbers } from "./check_operation.ts";
import { devices } from "./devices.ts";
import { Float64Device } from "./float64_device.ts";

const device = devices.find(({ name }) => name === "cpu")!.device!;
const exact = new Float64Device();

const next = randomNumbers(14);
const randomOf = (shape: readonly number[]) =>
  Float32Array.from({ length: sizeOf(shape) }, () => 2 * next() - 1);

/** A tensor with the same numbers on both devices. */
async function pair(
  shape: readonly number[],
  dtype: "float32" | "bfloat16" = "float32",
): Promise<[Tensor, Tensor]> {
  const ours = device.allocate("x", shape, dtype), theirs = exact.allocate("x", shape);
  device.write(ours, randomOf(shape));
  exact.write(theirs, await device.read(ours));
  return [ours, theirs];
}

function ids(values: readonly number[]): [Tensor, Tensor] {
  return [device, exact].map((each) => {
    const tensor = each.allocate("ids", [values.length], "int32");
    each.write(tensor, Int32Array.from(values));
    return tensor;
  }) as [Tensor, Tensor];
}

/** Runs an operation on both devices and compares what it left in `out`. */
async function check(
  what: string,
  out: [Tensor, Tensor],
  run: (device: Device, which: 0 | 1) => void,
): Promise<void> {
  run(device, 0);
  run(exact, 1);
  const [ours, theirs] = [await device.read(out[0]), await exact.read(out[1])];
  const scale = Math.max(...Array.from(theirs, Math.abs));
  for (let i = 0; i < ours.length; i++) {
    assertLess(Math.abs(ours[i] - theirs[i]), 1e-5 * scale + 1e-9, `${what}, element ${i}`);
  }
}

Deno.test("bfloat16: products of few rows and of many, sizes of all remainders", async () => {
  const options: Partial<MatmulArgs>[] = [
    {},
    { alpha: 0.5, beta: 2 },
    { epilogue: { kind: "reluSquare" } },
  ];
  for (const M of [1, 2, 3, 16, 17, 40]) {
    for (const [N, K] of [[1, 1], [3, 5], [4, 8], [13, 31], [66, 34], [70, 131], [9, 1100]]) {
      const a = await pair([M, K]), b = await pair([N, K], "bfloat16"), out = await pair([M, N]);
      for (const more of options) {
        const what = `${M} x ${N} x ${K} ${JSON.stringify(more)}`;
        await check(
          what,
          out,
          (each, i) => each.matmul({ out: out[i], a: a[i], b: b[i], layout: "nt", ...more }),
        );
      }
    }
  }
});

Deno.test("bfloat16: a batch of products", async () => {
  const a = await pair([3, 20, 9]), b = await pair([3, 10, 9], "bfloat16");
  const out = await pair([3, 20, 10]);
  await check(
    "batch",
    out,
    (each, i) => each.matmul({ out: out[i], a: a[i], b: b[i], layout: "nt" }),
  );
});

Deno.test("bfloat16: embeddings and value embeddings", async () => {
  for (const headSize of [2, 6, 7, 32]) {
    const heads = 3, columns = heads * headSize, rows = 11;
    const table = await pair([5, columns], "bfloat16");
    const chosen = ids(Array.from({ length: rows }, (_, i) => i * 3 % 5));
    const out = await pair([rows, columns]);
    await check(
      `embedding ${headSize}`,
      out,
      (each, i) => each.embedding({ out: out[i], table: table[i], ids: chosen[i] }),
    );
    const v = await pair([rows, heads, headSize]), x = await pair([rows, 40]);
    const gate = await pair([heads, 12]);
    await check(`value embedding ${headSize}`, v, (each, i) =>
      each.addValueEmbedding({
        v: v[i],
        table: table[i],
        ids: chosen[i],
        x: x[i],
        gate: gate[i],
        scale: 2,
      }));
  }
});

Deno.test("bfloat16: an index outside of the table stops the kernel", () => {
  const table = device.allocate("table", [4, 8], "bfloat16");
  const out = device.allocate("out", [1, 8]), [wrong] = ids([4]);
  assertThrows(() => device.embedding({ out, table, ids: wrong }), Error, "out of range");
});

Deno.test("bfloat16: what is written is rounded to nearest, halves to even, and read as float32", async () => {
  const x = device.allocate("x", [5], "bfloat16");
  assertEquals(await device.read(x), new Float32Array(5));
  device.write(x, Float32Array.of(1, 1 + 2 ** -9, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -Infinity));
  assertEquals(await device.read(x), Float32Array.of(1, 1, 1, 1 + 2 ** -6, -Infinity));
  device.write(x, Float32Array.of(3), 4);
  assertEquals(await device.read(x, 3), Float32Array.of(1 + 2 ** -6, 3));
  assertThrows(() => device.write(x, new Float32Array(2), 4), RangeError, "x has 5 elements");
});

Deno.test("bfloat16: an element takes two bytes, and all are given back", async () => {
  const own = await createCpuDevice({ threads: 1 });
  const before = own.memory.used;
  const x = own.allocate("x", [1 << 20], "bfloat16");
  assertEquals(own.memory.used - before, 2 << 20);
  own.free(x);
  assertEquals(own.memory.used, before);
  await own.close();
});

Deno.test("bfloat16: operands that the contract does not name are refused", () => {
  const half = device.allocate("half", [8, 8], "bfloat16");
  const a = device.allocate("a", [8, 8]), b = device.allocate("b", [8, 8]);
  const refused: (() => void)[] = [
    () => device.matmul({ out: a, a: half, b, layout: "nt" }),
    () => device.matmul({ out: half, a, b, layout: "nt" }),
    () => device.matmul({ out: a, a: b, b: half, layout: "nn" }),
    () => device.matmul({ out: a, a: b, b: half, layout: "tn" }),
    () => device.rmsNorm({ out: a, x: half }),
    () => device.copy({ out: a, x: half }),
    () => device.zero({ x: half }),
  ];
  for (const run of refused) assertThrows(run, TypeError, "half is bfloat16");
});

Deno.test("float16 on the CPU is refused in one line", () => {
  const message = "The CPU device cannot keep w in float16";
  assertThrows(() => device.allocate("w", [2], "float16"), UserError, message);
});
