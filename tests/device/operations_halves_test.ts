/** Operations on tensors of which some are kept in 16 bits. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  allocateArgs,
  checkOperation,
  floats,
  groupsOf,
  ints,
  positive,
  random,
  randomInts,
  roundTo,
  testOperation,
} from "./check_operation.ts";
import { devices, devicesThatSplit, webGpu } from "./devices.ts";

const gpus = [...devices, ...devicesThatSplit].filter(({ name }) => name !== "cpu");
const tile = { RM: 4, RN: 4, TX: 8, TY: 8 };
/** Not where products are cut along K: what is added to in 16 bits is rounded each time. */
const tiled = [
  ...gpus.slice(0, 1),
  await webGpu("webgpu by workgroup memory", { matmulTile: { ...tile, BK: 16 } }),
];
const types = ["bfloat16", "float16"] as const;

// Sizes are such that small bindings split the tensors of 16 bits too.

testOperation("rows in 16 bits: norms, tables, moved rows", gpus, async (device) => {
  for (const dtype of types) {
    const [N, V, C] = [26, 70, 36], ids = randomInts(N, V).fill(V - 1, 0, 7);
    await checkOperation(device, "rmsNorm", { out: random([V, C], 1, dtype), x: random([V, C]) });
    const [x, y, normed] = [random([V, C]), random([V, C]), random([V, C], 1, dtype)];
    await checkOperation(device, "combineNorm", { out: x, normed, x, y, a: 1, b: 1 });
    const table = random([V, C], 1, dtype);
    await checkOperation(device, "embedding", { out: random([N, C]), table, ids: ints(ids) });
    const [dtable, dout] = [random([V, C], 1, dtype), random([N, C])];
    await checkOperation(device, "embeddingBackward", { dtable, dout, groups: groupsOf(ids, V) });
  }
});

/** Types of what is computed and of tables, as models have them, and the other way round. */
const pairs = [
  ["bfloat16", "bfloat16"],
  ["float16", "float32"],
  ["float32", "float16"],
] as const;

testOperation("heads in 16 bits: rotation and value embeddings", gpus, async (device) => {
  const [B, T, H, D, V, G] = [2, 6, 3, 16, 60, 12], N = B * T, C = H * D;
  const angles = { cos: random([T, D / 2]), sin: random([T, D / 2]), scale: 1.2 };
  for (const dtype of types) {
    const rstd = positive([N, H]), x = random([B, T, H, D], 1, dtype);
    await checkOperation(device, "rotaryNorm", { ...angles, x, rstd });
    const y = random([B, T, H, D], 1, dtype), dx = random([B, T, H, D]);
    await checkOperation(device, "rotaryNormBackward", { ...angles, dx, y, rstd });
  }
  for (const [dtype, tables] of pairs) {
    const ids = randomInts(N, V).fill(2, 0, 4);
    const table = random([V, C], 1, tables), x = random([N, C], 1, dtype), gate = random([H, G]);
    const args = { table, ids: ints(ids), x, gate };
    await checkOperation(device, "addValueEmbedding", { ...args, v: random([N, H, D], 1, dtype) });
    await checkOperation(device, "addValueEmbeddingBackward", {
      ...args,
      dx: random([N, C]),
      dgate: random([H, G]),
      dtable: random([V, C], 1, tables),
      dv: random([N, H, D]),
      groups: groupsOf(ids, V),
    });
  }
});

testOperation("rows in 16 bits are moved bit by bit", gpus.slice(0, 1), async (device) => {
  for (const dtype of types) {
    const index = ints([5, 8, 2, 0, 7, 3]);
    const [few, many] = [random([4, 12], 1, dtype), random([12, 12], 1, dtype)];
    await checkOperation(device, "gatherRows", { out: few, x: many, index, start: 1 });
    await checkOperation(device, "scatterRows", { out: many, x: few, index, start: 2 });
  }
});

testOperation("adamW in 16 bits, each tensor by itself", gpus, async (device) => {
  const settings = { lr: 0.02, beta1: 0.8, beta2: 0.95, eps: 1e-10, weightDecay: 0.1, step: 3 };
  const shape = [70, 36];
  for (
    const [p, g, m, v] of [
      ["bfloat16", "bfloat16", "bfloat16", "bfloat16"],
      ["float32", "bfloat16", "float16", "float32"],
      ["float16", "float32", "float32", "bfloat16"],
      ["float32", "float16", "float32", "float16"],
    ] as const
  ) {
    await checkOperation(device, "adamW", {
      p: random(shape, 1, p),
      g: random(shape, 1, g),
      m: random(shape, 1, m),
      v: positive(shape, 1, v),
      ...settings,
      gradientScale: 0.25,
    });
  }
});

testOperation("products of 16 bits, in every layout and kernel", tiled, async (device) => {
  for (const dtype of types) {
    for (const layout of ["nn", "nt", "tn"] as const) {
      for (const [M, N, K] of [[36, 40, 68], [3, 24, 132]]) {
        const a = random(layout === "tn" ? [K, M] : [M, K], 1, dtype);
        const b = random(layout === "nt" ? [N, K] : [K, N], 1, dtype);
        const c = random([M, N], 1, dtype), activation = positive([M, N], 1, dtype);
        const operands = dtype === "float16" ? dtype : "float32";
        if (layout === "tn" && M % 4 !== 0) continue;
        const args = { out: random([M, N], 1, dtype), a, b, layout, operands } as const;
        await checkOperation(device, "matmul", { ...args, beta: 1 });
        const epilogue = { kind: "reluSquareGradient", activation } as const;
        await checkOperation(device, "matmul", { ...args, beta: 0.5, c, epilogue });
      }
    }
  }
});

testOperation(
  "what float16 cannot hold saturates in a product, or shows",
  tiled,
  async (device) => {
    for (const layout of ["nt", "nn"] as const) {
      const a = floats([4, 4], [1e5, 0, 0, 0, NaN, ...new Float32Array(11)]);
      const b = floats([4, 4], [-1e6, ...new Float32Array(15)]), out = random([4, 4]);
      const { args, tensors } = allocateArgs<"matmul">(device, {
        out,
        a,
        b,
        layout,
        operands: "float16",
      });
      device.matmul(args);
      const [first, , , , none] = await device.read(tensors.get(out)!);
      assert(Number.isNaN(none));
      const isRounded = first !== Math.fround(-1e11);
      if (isRounded) assertEquals(first, layout === "nt" ? -(65504 ** 2) : -Infinity);
    }
  },
);

testOperation("checkFinite in 16 bits", gpus, async (device) => {
  for (const dtype of types) {
    const { values } = random([130, 36], 60000);
    const largest = dtype === "float16" ? 65504 : 3.38e38;
    const finite = floats([130, 36], values.with(0, largest).with(9, -largest), dtype);
    await checkOperation(device, "checkFinite", { x: finite, flag: ints([0]) });
    for (const [place, wrong] of [[0, NaN], [2341, -Infinity], [4679, Infinity]]) {
      const x = floats([130, 36], values.with(place, wrong), dtype);
      await checkOperation(device, "checkFinite", { x, flag: ints([0]) });
    }
  }
});

testOperation(
  "what does not fit float16 saturates, and what is none stays",
  gpus.slice(0, 1),
  async (device) => {
    for (const dtype of types) {
      // A gradient of one row of the table each, added to zeros.
      const numbers = [70000, -1e6, Infinity, -Infinity, NaN, 65519, 1e-8, 1.00048828125];
      const dout = floats([1, 8], numbers), dtable = floats([2, 8], new Float32Array(16), dtype);
      const groups = groupsOf(Int32Array.of(1), 2);
      const { args, tensors } = allocateArgs<"embeddingBackward">(device, {
        dtable,
        dout,
        groups,
      });
      device.embeddingBackward(args);
      const found = await device.read(tensors.get(dtable)!, 8, 8);
      assertEquals([...found], [...roundTo(Float32Array.from(numbers), dtype)]);
    }
  },
);

testOperation("what is no whole fours of 16 bits is refused", gpus.slice(0, 1), async (device) => {
  for (const dtype of types) {
    assertThrows(() => device.allocate("odd", [4, 6], dtype), RangeError, "odd (4, 6)");
    const { args } = allocateArgs<"rotaryNorm">(device, {
      x: random([1, 1, 1, 12], 1, dtype),
      cos: random([1, 6]),
      sin: random([1, 6]),
      scale: 1,
    });
    assertThrows(() => device.rotaryNorm(args), RangeError, "multiple of 4");
    const moved = { out: random([1, 4], 1, dtype), x: random([1, 4]), index: ints([0]) };
    const rows = allocateArgs<"gatherRows">(device, moved).args;
    assertThrows(() => device.gatherRows(rows), RangeError, "gatherRows");
  }
  await device.synchronize();
});
