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

for (const matmulTile of MATMUL_TILES) {
  const name = `webgpu with matmul tile ${Object.values(matmulTile).join(" ")}`;
  testOperation("matmul", [await webGpu(name, { matmulTile })], async (device) => {
    for (const layout of layouts) {
      await checkOperation(device, "matmul", operands(layout, 140, 136, 68));
      await checkOperation(device, "matmul", { ...operands(layout, 35, 70, 33), beta: 1 });
    }
  });
}

for (const matmulTile of [MATMUL_TILES[0], MATMUL_TILES[2]]) {
  const name = `webgpu with K dealt to workgroups, ${matmulTile.BK}`;
  const options = { matmulTile, enoughGroups: 1000 };
  testOperation("matmul of a long K", [await webGpu(name, options)], async (device) => {
    for (const layout of layouts) {
      const args = { ...operands(layout, 20, 24, 1300), alpha: 0.5, beta: 2 };
      await checkOperation(device, "matmul", { ...args, c: random([20, 24]) });
    }
    const epilogue = { kind: "reluSquare" } as const;
    await checkOperation(device, "matmul", { ...operands("nn", 12, 8, 1028), epilogue });
    const [a, b] = [random([3, 8, 1100]), random([3, 1100, 16])];
    await checkOperation(device, "matmul", { out: random([3, 8, 16]), a, b, layout: "nn" });
  });
}

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
