import { assertEquals } from "@std/assert";
import type { Device } from "../../lib/device/mod.ts";
import { MATMUL_TILES } from "../../lib/device/webgpu/matmul_tile.ts";
import { checkOperation, positive, random, testOperation } from "./check_operation.ts";
import { devices, devicesThatSplit, webGpu } from "./devices.ts";

/** Stored operands of a product. */
function operands(layout: "nn" | "nt" | "tn", M: number, N: number, K: number) {
  const a = random(layout === "tn" ? [K, M] : [M, K]);
  const b = random(layout === "nt" ? [N, K] : [K, N]);
  return { out: random([M, N]), a, b, layout };
}

const layouts = ["nn", "nt", "tn"] as const;
const sizes = [[1, 1, 1], [3, 5, 7], [37, 29, 41], [64, 64, 64], [33, 68, 20], [5, 96, 132], [
  130,
  72,
  35,
], [72, 132, 36]];

testOperation("matmul in each layout, odd and even sizes", devices, async (device) => {
  for (const layout of layouts) {
    for (const [M, N, K] of sizes) {
      await checkOperation(device, "matmul", operands(layout, M, N, K));
    }
  }
});

testOperation("matmul with scales, addends and epilogues", devices, async (device) => {
  for (const layout of layouts) {
    for (
      const [M, N, K] of [[6, 24, 40], [21, 26, 11], [40, 36, 48], [32, 20, 1030], [17, 28, 12]]
    ) {
      const c = random([M, N]);
      const activation = positive([M, N]);
      const args = operands(layout, M, N, K);
      await checkOperation(device, "matmul", { ...args, alpha: -0.5, beta: 2, c });
      await checkOperation(device, "matmul", { ...args, beta: 1 });
      await checkOperation(device, "matmul", { ...args, epilogue: { kind: "reluSquare" } });
      await checkOperation(device, "matmul", {
        ...args,
        beta: 0.5,
        c,
        epilogue: { kind: "reluSquareGradient", activation },
      });
    }
  }
});

testOperation("matmul of a batch", devices, async (device) => {
  for (const layout of layouts) {
    for (const [M, N, K] of [[12, 20, 8], [9, 7, 5]]) {
      const batch = (shape: number[]) => random([3, ...shape]);
      await checkOperation(device, "matmul", {
        out: batch([M, N]),
        a: batch(layout === "tn" ? [K, M] : [M, K]),
        b: batch(layout === "nt" ? [N, K] : [K, N]),
        c: batch([M, N]),
        layout,
        alpha: 1.5,
        beta: -1,
      });
    }
  }
  const x = random([2, 16, 24]);
  await checkOperation(device, "matmul", { out: random([2, 16, 16]), a: x, b: x, layout: "nt" });
});

testOperation("matmul with rows split into batch and time", devices, async (device) => {
  await checkOperation(device, "matmul", {
    out: random([2, 5, 12]),
    a: random([2, 5, 8]),
    b: random([12, 8]),
    layout: "nt",
  });
});

testOperation("matmul whose tensors exceed a binding", devicesThatSplit, async (device) => {
  for (const layout of layouts) {
    for (const [M, N, K] of [[130, 36, 24], [20, 140, 32], [24, 16, 200], [90, 80, 70]]) {
      const args = operands(layout, M, N, K);
      const c = random([M, N]);
      await checkOperation(device, "matmul", { ...args, alpha: 0.5 });
      await checkOperation(device, "matmul", { ...args, beta: 1 });
      await checkOperation(device, "matmul", {
        ...args,
        beta: 0.5,
        c,
        epilogue: { kind: "reluSquareGradient", activation: positive([M, N]) },
      });
    }
    const [a, b] = [[6, 20, 24], [6, 24, 20]].map((shape) => random(shape));
    const [first, second] = layout === "tn" ? [b, b] : layout === "nt" ? [a, a] : [a, b];
    const out = random([6, 20, 20]);
    await checkOperation(device, "matmul", { out, a: first, b: second, layout });
  }
});

/** The products of q, k and v: forward (nt), backward to their input (nn) and to their weights (tn). */
function ofOneInput(layout: typeof layouts[number], N: number, sizes: number[], beta: number) {
  const C = 36, x = random([N, C]), dx = random([N, C]);
  return {
    products: sizes.map((size, i) =>
      layout === "nt"
        ? { out: random([N, size]), a: x, b: random([size, C]), layout, beta }
        : layout === "nn"
        ? { out: dx, a: random([N, size]), b: random([size, C]), layout, beta: i ? 1 : beta }
        : { out: random([size, C]), a: random([N, size]), b: x, layout, beta }
    ),
  };
}

async function checkGroups(device: Device) {
  for (const layout of layouts) {
    // Whole tiles, other sizes, and other numbers of products.
    await checkOperation(device, "matmulGroup", ofOneInput(layout, 36, [64, 32, 32], 0));
    await checkOperation(device, "matmulGroup", ofOneInput(layout, 40, [32, 64], 1));
    await checkOperation(device, "matmulGroup", ofOneInput(layout, 40, [36, 12, 20], 0));
    await checkOperation(device, "matmulGroup", ofOneInput(layout, 20, [12, 8, 4, 8], 1));
  }
  // Few rows, as in decoding.
  await checkOperation(device, "matmulGroup", ofOneInput("nt", 3, [40, 16, 8], 0));
}

testOperation("matmulGroup", devices, checkGroups);

for (const matmulTile of MATMUL_TILES) {
  const name = `webgpu with matmul tile ${Object.values(matmulTile).join(" ")}`;
  testOperation("matmul", [await webGpu(name, { matmulTile })], async (device) => {
    // Both operands along K, and neither.
    await checkOperation(device, "matmul", operands("nt", 140, 136, 68));
    await checkOperation(device, "matmul", operands("tn", 140, 136, 68));
  });
}

/** Cuts along K, in workgroup memory and in registers, and none. */
const tile = { BK: 16, RM: 4, RN: 4, TX: 8, TY: 8 };
const [whole, ...inParts] = await Promise.all([
  webGpu("webgpu by workgroup memory", { matmulTile: tile }),
  webGpu("webgpu with K in parts", { matmulTile: tile, matmulSplits: 3 }),
  webGpu("webgpu with K in parts, in registers", { matmulTile: MATMUL_TILES[0], matmulSplits: 3 }),
]);

testOperation("matmulGroup", [whole], checkGroups);

testOperation("matmulGroup of a long K", inParts.slice(0, 1), async (device) => {
  for (const layout of ["nn", "tn"] as const) {
    await checkOperation(device, "matmulGroup", ofOneInput(layout, 36, [64, 32, 32], 1));
  }
});

testOperation("matmul in whole steps, and a half of it", [whole], async (device) => {
  for (const layout of layouts) {
    await checkOperation(device, "matmul", { ...operands(layout, 40, 36, 64), beta: 1 });
  }
  const x = random([2, 140, 36]), out = random([2, 140, 140]);
  await checkOperation(device, "matmul", { out, a: x, b: x, layout: "nt", symmetric: true });
});

testOperation("matmul of a long K", inParts, async (device) => {
  for (const layout of layouts) {
    for (const [M, N, K] of [[36, 40, 100], [33, 20, 49]]) {
      const c = random([M, N]), activation = positive([M, N]);
      const args = { ...operands(layout, M, N, K), alpha: -0.5 };
      await checkOperation(device, "matmul", { ...args, beta: 2, c });
      await checkOperation(device, "matmul", { ...args, epilogue: { kind: "reluSquare" } });
      const epilogue = { kind: "reluSquareGradient", activation } as const;
      await checkOperation(device, "matmul", { ...args, beta: 1, epilogue });
    }
    const [a, b] = [[3, 36, 52], [3, 52, 36]].map((shape) => random(shape));
    const [first, second] = layout === "tn" ? [b, b] : layout === "nt" ? [a, a] : [a, b];
    await checkOperation(device, "matmul", {
      out: random([3, 36, 36]),
      a: first,
      b: second,
      layout,
    });
  }
});

testOperation("matmul whose result is symmetric", devices, async (device) => {
  for (const [n, rows, columns] of [[3, 37, 70], [1, 130, 129], [2, 5, 9]]) {
    const x = random([n, rows, columns]);
    const out = random([n, rows, rows]);
    await checkOperation(device, "matmul", { out, a: x, b: x, layout: "nt", symmetric: true });
    const tall = random([n, columns, columns]);
    await checkOperation(device, "matmul", {
      out: tall,
      a: x,
      b: x,
      layout: "tn",
      symmetric: true,
    });
  }
});

testOperation("a symmetric result has the same bits on both sides", devices, async (device) => {
  const [out, a, c] = [[1, 40, 40], [1, 40, 36], [1, 40, 40]].map((shape) =>
    device.allocate("operand", shape)
  );
  device.write(a, random([40, 36]).values);
  const symmetric = { layout: "nt", symmetric: true } as const;
  device.matmul({ out: c, a, b: a, ...symmetric });
  device.matmul({ out, a: c, b: c, c, beta: 0.5, ...symmetric });
  const values = await device.read(out);
  const at = (i: number, j: number) => values[40 * i + j];
  for (let i = 0; i < 40; i++) for (let j = 0; j < i; j++) assertEquals(at(i, j), at(j, i));
  [out, a, c].forEach((tensor) => device.free(tensor));
});
