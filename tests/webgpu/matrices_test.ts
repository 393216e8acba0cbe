/**
 * Products by subgroup matrices, on adapters that have them: Dawn's, on a GPU or on a recent Mesa.
 * `matrices.ts` runs this, and all other tests of operations, on one in software.
 */
import { assert, assertEquals } from "@std/assert";
import { openAdapter } from "../../lib/device/webgpu/adapter.ts";
import { columnsOf, matrixTileFor } from "../../lib/device/webgpu/matmul_matrix.ts";
import {
  allocateArgs,
  checkOperation,
  floats,
  positive,
  random,
  roundTo,
} from "../device/check_operation.ts";
import { Float64Device } from "../device/float64_device.ts";
import { testedGpu, webGpu } from "../device/devices.ts";

/** What the adapter has. */
async function adapterFeatures() {
  const { device, features } = await openAdapter({ gpu: testedGpu });
  const { limits } = device;
  device.destroy();
  return { limits, features };
}

const { device } = await webGpu("webgpu");
const found = device && await adapterFeatures();
/** The tile of a product, undefined where the adapter has none. */
const tileOf = (batch: number, M: number, N: number) =>
  found && matrixTileFor(found.features, found.limits, "float16", { batch, M, N });
const ignore = !tileOf(1, 64, 64);

/** Numbers that float16 holds, in float32: rounding them again changes nothing. */
function rounded(shape: number[]) {
  return floats(shape, roundTo(random(shape).values as Float32Array, "float16"));
}

const layouts = ["nn", "nt", "tn"] as const;

/** A product whose operands are as float16 holds them. */
function product(layout: typeof layouts[number], batch: number, M: number, N: number, K: number) {
  const shape = (...sizes: number[]) => batch === 1 ? sizes : [batch, ...sizes];
  const a = rounded(layout === "tn" ? shape(K, M) : shape(M, K));
  const b = rounded(layout === "nt" ? shape(N, K) : shape(K, N));
  return { out: random(shape(M, N)), a, b, layout, operands: "float16" } as const;
}

Deno.test("products by subgroup matrices, as exact as in float32", { ignore }, async () => {
  for (const layout of layouts) {
    // Whole tiles, and edges on all sides.
    await checkOperation(device!, "matmul", product(layout, 1, 64, 64, 64));
    await checkOperation(device!, "matmul", product(layout, 3, 37, 68, 52));
  }
  const c = random([40, 36]), activation = positive([40, 36]);
  const args = product("nt", 1, 40, 36, 48);
  await checkOperation(device!, "matmul", { ...args, alpha: -0.5, beta: 2, c });
  await checkOperation(device!, "matmul", { ...args, beta: 1, epilogue: { kind: "reluSquare" } });
  const epilogue = { kind: "reluSquareGradient", activation } as const;
  await checkOperation(device!, "matmul", { ...args, epilogue });
});

Deno.test("large tiles of subgroup matrices", { ignore }, async () => {
  const [M, N] = [600, 1100];
  assert(columnsOf(tileOf(1, M, N)!) > columnsOf(tileOf(1, 64, 64)!));
  await checkOperation(device!, "matmul", product("nt", 1, M, N, 36));
});

Deno.test("a long K in parts, a half of what is symmetric, and several products as one", {
  ignore,
}, async () => {
  for (const layout of layouts) {
    await checkOperation(device!, "matmul", product(layout, 1, 40, 36, 1100));
  }
  const x = rounded([2, 136, 36]), out = random([2, 136, 136]);
  const square = { a: x, b: x, layout: "nt", symmetric: true, operands: "float16" } as const;
  await checkOperation(device!, "matmul", { out, ...square });
  const [input, gradient] = [rounded([40, 36]), random([40, 36])];
  const operands = "float16" as const;
  const numbers = [1, 2].map(() => ({ rows: rounded([40, 128]), weights: rounded([128, 36]) }));
  for (const beta of [0, 1]) {
    await checkOperation(device!, "matmulGroup", {
      products: numbers.map(({ weights }) => (
        { out: random([40, 128]), a: input, b: weights, layout: "nt", operands, beta }
      )),
    });
    await checkOperation(device!, "matmulGroup", {
      products: numbers.map(({ rows }) => (
        { out: random([128, 36]), a: rows, b: input, layout: "tn", operands, beta }
      )),
    });
    await checkOperation(device!, "matmulGroup", {
      products: numbers.map(({ rows, weights }, i) => (
        { out: gradient, a: rows, b: weights, layout: "nn", operands, beta: i === 0 ? beta : 1 }
      )),
    });
  }
});

Deno.test("gradients too large for float16 become infinite, other factors saturate", {
  ignore,
}, async () => {
  for (const layout of layouts) {
    const [out, a, b] = ["out", "a", "b"].map((name) => device!.allocate(name, [16, 16]));
    device!.write(a, new Float32Array(256).fill(1e6));
    device!.write(b, new Float32Array(256).fill(2 ** -4));
    device!.matmul({ out, a, b, layout, operands: "float16" });
    assertEquals((await device!.read(out))[0], layout === "nt" ? 65504 : Infinity);
    device!.matmul({ out, a: b, b: a, layout, operands: "float16" });
    assertEquals((await device!.read(out))[0], 65504);
    [out, a, b].forEach((tensor) => device!.free(tensor));
  }
});

Deno.test(
  "attention by subgroup matrices, as exact as float16 lets it be",
  { ignore },
  async () => {
    const tiles = await webGpu("webgpu", { attentionProducts: "tiles" });
    const [B, T, H, Hkv, D] = [1, 70, 2, 1, 72];
    const half = (heads: number) => random([B, T, heads, D], 1, "float16");
    const [q, k, v, out] = [half(H), half(Hkv), half(Hkv), half(H)];
    const lse = random([B, H, T]), window = 40;
    await checkOperation(tiles.device!, "attention", { out, lse, q, k, v, window }, 2e-3);

    // What the forward pass keeps for the backward pass.
    const reference = new Float64Device();
    const given = { out, lse, q, k, v, window };
    const { args, tensors } = allocateArgs(reference, given);
    reference.attention(args as Parameters<typeof reference.attention>[0]);
    for (const spec of [out, lse]) {
      const values = await reference.read(tensors.get(spec)!);
      spec.values.set(roundTo(Float32Array.from(values), spec.dtype));
    }
    const [dq, dk, dv] = [H, Hkv, Hkv].map((heads) => random([B, T, heads, D]));
    const dout = random([B, T, H, D]), delta = random([B, H, T]);
    const gradients = { dq, dk, dv, delta, dout, out, lse, q, k, v, window };
    await checkOperation(tiles.device!, "attentionBackward", gradients, 2e-3, ["delta"]);
  },
);
