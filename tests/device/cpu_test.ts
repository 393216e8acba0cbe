/** What is particular to the CPU device: threads, memory, failures, its end. */
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { CpuMemory } from "../../lib/device/cpu/memory.ts";
import type { Device, Tensor } from "../../lib/device/mod.ts";
import { groupTokens, PAGE_ROWS } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { randomNumbers } from "./check_operation.ts";

const module = new URL("../../lib/device/cpu/mod.ts", import.meta.url).href;

/** Runs a program that has a `device` on two threads; what it printed and how it ended. */
async function run(body: string): Promise<{ code: number; out: string; error: string }> {
  const program = `import { createCpuDevice } from "${module}";
    const device = await createCpuDevice({ threads: 2 });
    const x = device.allocate("x", [512, 512]), out = device.allocate("out", [512, 512]);
    device.matmul({ out, a: x, b: x, layout: "nn" });
    ${body}`;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", program],
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(20_000),
  });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), error: text(stderr) };
}

Deno.test("a program ends after close, and also without it", async () => {
  for (const end of ["await device.close();", ""]) {
    const { code, out, error } = await run(`console.log("done"); ${end}`);
    assertEquals({ code, out }, { code: 0, out: "done\n" }, error);
  }
});

Deno.test("a program ends when it throws and when it exits", async () => {
  const thrown = await run(`throw new Error("mistake");`);
  assertEquals(thrown.code, 1);
  assert(thrown.error.includes("mistake"));
  assertEquals((await run("Deno.exit(3);")).code, 3);
});

Deno.test("a product takes its operands anew, whatever ran before it", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const tensor = (...shape: number[]) => device.allocate("operand", shape);
  const [q, k, v, out, dout, dq, dk, dv] = Array.from({ length: 8 }, () => tensor(1, 32, 1, 32));
  const [lse, delta] = [1, 2].map(() => tensor(1, 1, 32));
  const [a, b, product] = [1, 2, 3].map(() => tensor(32, 32));
  device.write(b, new Float32Array(b.size).fill(1));
  for (let value = 1; value <= 3; value++) {
    // All operations keep their arguments in the same place.
    device.attentionBackward({ dq, dk, dv, delta, dout, out, lse, q, k, v, window: 32 });
    device.write(a, new Float32Array(a.size).fill(value));
    device.matmul({ out: product, a, b, layout: "nn" });
    assertEquals(await device.read(product), new Float32Array(product.size).fill(32 * value));
  }
  await device.close();
});

/** Runs operations of every kind and returns all that they gave. */
async function everything(threads: number): Promise<(Float32Array | Int32Array)[]> {
  const device = await createCpuDevice({ threads });
  const next = randomNumbers(1);
  const random = (...shape: number[]) => {
    const tensor = device.allocate("random", shape);
    device.write(tensor, Float32Array.from({ length: tensor.size }, () => next() - 0.5));
    return tensor;
  };
  const results: Tensor[] = [];
  const kept = (tensor: Tensor) => (results.push(tensor), tensor);
  const [B, T, H, D, C] = [2, 200, 2, 32, 64], N = B * T;
  const x = random(B, T, C), weight = random(300, C), product = kept(random(N, 300));
  device.matmul({ out: product, a: x, b: weight, layout: "nt", beta: 1 });
  device.matmul({ out: kept(random(300, C)), a: product, b: x, layout: "tn" });

  const [q, k, v, dout] = [1, 2, 3, 4].map(() => random(B, T, H, D));
  const out = kept(random(B, T, H, D)), lse = kept(random(B, H, T));
  device.attention({ out, lse, q, k, v, window: 70 });
  const [dq, dk, dv] = [1, 2, 3].map(() => kept(random(B, T, H, D)));
  const delta = random(B, H, T);
  device.attentionBackward({ dq, dk, dv, delta, dout, out, lse, q, k, v, window: 70 });

  const gate = random(1, 24), lambda = random(1);
  const dgate = kept(random(1, 24)), dlambda = kept(random(1));
  device.smearBackward({ dx: kept(random(B, T, C)), dgate, dlambda, dout: x, x, gate, lambda });
  device.sum({ out: kept(random(1)), x: product, scale: 1 });
  const losses = kept(random(N)), targets = device.allocate("targets", [N], "int32");
  const logits = kept(product);
  const options = { start: 0, vocabSize: 290, cap: 15, gradientScale: 1 };
  device.softcapCrossEntropy({ losses, logits, targets, ...options });
  device.muonVarianceReduction({
    x: kept(random(3, 100, 140)),
    secondMomentum: kept(random(3, 1, 140)),
    beta2: 0.9,
  });
  const values = await Promise.all(results.map((tensor) => device.read(tensor)));
  await device.close();
  return values;
}

Deno.test("results have the same bits on any number of threads", async () => {
  const one = await everything(1);
  for (const threads of [2, 3, 7]) assertEquals(await everything(threads), one);
});

Deno.test("a failure on any thread is one clear error, and the device goes on", async () => {
  const device = await createCpuDevice({ threads: 3 });
  const table = device.allocate("table", [4, 64]), out = device.allocate("out", [4096, 64]);
  const ids = device.allocate("ids", [4096], "int32");
  device.write(table, new Float32Array(256).fill(1));
  for (const wrong of [0, 2000, 4095]) {
    device.write(ids, new Int32Array(4096));
    device.write(ids, Int32Array.of(4), wrong);
    const error = assertThrows(() => device.embedding({ out, table, ids }), Error);
    assertEquals(error.message, "CPU device: gatherRows failed: an index is out of range");
    device.write(ids, new Int32Array(4096));
    device.embedding({ out, table, ids });
    assertEquals((await device.read(out, 4095 * 64, 1))[0], 1);
  }
  await device.close();
});

Deno.test("rows of pages that do not exist are one clear error, and the device goes on", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const row = () => device.allocate("row", [1, 1, 1, 4]);
  const cache = () => device.allocate("cache", [2, PAGE_ROWS, 1, 4]);
  const [cos, sin] = [1, 2].map(() => device.allocate("table", [3 * PAGE_ROWS, 2]));
  const pages = device.allocate("pages", [1, 2], "int32");
  const positions = device.allocate("positions", [1], "int32");
  const cached = { q: row(), kCache: cache(), vCache: cache(), pages, positions };
  const append = () => device.appendCache({ ...cached, k: row(), v: row(), cos, sin, scale: 1 });
  const attend = () => device.attentionWithCache({ ...cached, out: row(), window: 100 });
  for (const [page, position] of [[2, 70], [-1, 70], [1, 2 * PAGE_ROWS], [1, -1]]) {
    device.write(pages, Int32Array.of(0, page));
    device.write(positions, Int32Array.of(position));
    for (const call of [append, attend]) assertThrows(call, Error, "an index is out of range");
  }
  device.write(positions, Int32Array.of(70));
  for (const call of [append, attend]) call();
  await device.close();
});

Deno.test("memory is zeroed, counted, reused and joined", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const before = device.memory.used;
  const tensors = [1, 2, 3].map((i) => device.allocate(`tensor ${i}`, [100_000]));
  assertEquals(device.memory.used - before, 3 * 400_000);
  device.write(tensors[0], new Float32Array(100_000).fill(1));
  device.free(tensors[0]);
  device.free(tensors[2]);
  device.free(tensors[1]);
  assertEquals(device.memory.used, before);
  const peak = device.memory.peak;
  const large = device.allocate("as large as the three", [300_000]);
  assertEquals(device.memory.peak, peak);
  assertEquals(await device.read(large), new Float32Array(300_000));
  await device.close();
});

Deno.test("what is read is a copy, which a file is written from while the memory changes", async () => {
  const device = await createCpuDevice({ threads: 1 });
  for (const dtype of ["float32", "int32", "bfloat16"] as const) {
    const tensor = device.allocate("numbers", [1000], dtype);
    const numbers = dtype === "int32" ? Int32Array : Float32Array;
    const ones = new numbers(1000).fill(1);
    device.write(tensor, ones);
    const staged = device.stage(tensor), read = await device.read(tensor);
    device.write(tensor, new numbers(1000).fill(2));
    device.free(tensor);
    // Makes the memory grow.
    device.allocate("large", [1_000_000]);
    for (const values of [read, await staged.values()]) {
      assertInstanceOf(values.buffer, ArrayBuffer);
      assertEquals(values, ones);
    }
  }
  await device.close();
});

Deno.test("what 4 GiB do not hold is refused in one line", () => {
  const memory = new CpuMemory();
  memory.allocate("weights", 2 ** 20);
  const error = assertThrows(() => memory.allocate("logits", 2 ** 32), UserError);
  const { bytes, limit } = error.detail as { bytes: number; limit: number };
  assertEquals([bytes, limit], [2 ** 32, 2 ** 32]);
  assertEquals(
    error.message,
    "The CPU device cannot hold logits (4096 MiB): with it 4097 MiB are needed and 4096 MiB is " +
      "the most it has",
  );
});

Deno.test("tensors of other devices, freed ones and views too large are refused", async () => {
  const device: Device = await createCpuDevice({ threads: 1 });
  const x = device.allocate("x", [4]), view = device.view(x, [2, 2]);
  assertThrows(() => device.zero({ x: { ...x } }), TypeError, "x is not a tensor of the CPU");
  assertThrows(() => device.view(x, [5]), RangeError, "a view (5) of x is larger than it");
  assertThrows(() => device.free(view), TypeError, "x is a view");
  assertThrows(() => device.write(x, new Float32Array(2), 3), RangeError, "x has 4 elements");
  device.free(x);
  assertThrows(() => device.zero({ x: view }), TypeError, "x was freed");
  await device.close();
});

Deno.test("a missing BLAS library is one clear line; without one found, auto does without", async () => {
  const error = await createCpuDevice({ threads: 1, blas: "/no/libblas.so" }).catch((e) => e);
  assertInstanceOf(error, UserError);
  assert(error.message.startsWith("The BLAS library /no/libblas.so cannot be used: "));
});

Deno.test("a BLAS library, if there is one, gives the same products", async (t) => {
  const [plain, withBlas] = [
    await createCpuDevice({ threads: 2 }),
    await createCpuDevice({ threads: 2, blas: "auto" }),
  ];
  const found = withBlas.name.includes("large products");
  for (const layout of ["nn", "nt", "tn"] as const) {
    await t.step({ name: layout, ignore: !found, fn: () => compare(plain, withBlas, layout) });
  }
  await plain.close();
  await withBlas.close();
});

async function compare(plain: Device, withBlas: Device, layout: "nn" | "nt" | "tn") {
  const [M, N, K] = [130, 110, 90];
  const results = [plain, withBlas].map((device) => {
    const next = randomNumbers(1);
    const random = (rows: number, columns: number) => {
      const tensor = device.allocate("random", [2, rows, columns]);
      device.write(tensor, Float32Array.from({ length: tensor.size }, next));
      return tensor;
    };
    const a = layout === "tn" ? random(K, M) : random(M, K);
    const b = layout === "nt" ? random(N, K) : random(K, N);
    const out = random(M, N), c = random(M, N), activation = random(M, N);
    const epilogue = { kind: "reluSquareGradient", activation } as const;
    device.matmul({ out, a, b, layout, alpha: 0.1, beta: 2, c, epilogue });
    return device.read(out);
  });
  const [expected, actual] = await Promise.all(results);
  actual.forEach((value, i) => assert(Math.abs(value - expected[i]) < 1e-4));
}

Deno.test("gradients of an embedding sum in the order of rows", async () => {
  const device = await createCpuDevice({ threads: 2 });
  const ids = Int32Array.from({ length: 1000 }, (_, i) => i % 3);
  const { tokens, starts, rows } = groupTokens(ids, 3);
  const upload = (values: Int32Array) => {
    const tensor = device.allocate("groups", [values.length], "int32");
    device.write(tensor, values);
    return tensor;
  };
  const dtable = device.allocate("dtable", [3, 64]), dout = device.allocate("dout", [1000, 64]);
  device.write(dout, new Float32Array(64_000).fill(1));
  const groups = { tokens: upload(tokens), starts: upload(starts), rows: upload(rows), count: 3 };
  device.embeddingBackward({ dtable, dout, groups });
  const counts = [334, 333, 333];
  assertEquals(
    await device.read(dtable),
    Float32Array.from({ length: 192 }, (_, i) => counts[Math.floor(i / 64)]),
  );
  await device.close();
});

Deno.test("a row of a product with weights is the same alone and beside up to 63 others", async () => {
  const device = await createCpuDevice({ threads: 2 });
  const K = 100, N = 300, rows = 64;
  for (const dtype of ["float32", "bfloat16"] as const) {
    const b = device.allocate("b", [N, K], dtype), a = device.allocate("a", [rows, K]);
    const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
    device.write(b, numbers(N * K));
    device.write(a, numbers(rows * K));
    const product = async (M: number) => {
      const out = device.allocate("out", [M, N]);
      device.matmul({ out, a: device.view(a, [M, K]), b, layout: "nt" });
      return await device.read(out);
    };
    const all = await product(rows);
    for (const M of [1, 2, 3, 16, 17, 33]) {
      assertEquals(await product(M), all.subarray(0, M * N), `${M} rows, ${dtype}`);
    }
  }
  await device.close();
});
