import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { openTorchFile, writeTorchFile } from "../../../lib/checkpoint/disk/mod.ts";
import {
  OrderedDict,
  type StoredDType,
  StoredTensor,
  type TensorArray,
  tensorFromArray,
  type TensorSource,
} from "../../../lib/checkpoint/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { inTempDir } from "../../temp_dir.ts";
import { fixture } from "../torch_archive.ts";

/** A tree with the contents of its tensors in place of the tensors. */
async function contents(value: unknown): Promise<unknown> {
  if (value instanceof StoredTensor) {
    return { dtype: value.dtype, shape: value.shape, data: await value.read() };
  }
  if (Array.isArray(value)) return await Promise.all(value.map(contents));
  if (!(value instanceof Map)) return value;
  const entries = [];
  for (const [key, item] of value) entries.push([key, await contents(item)] as const);
  return new Map(entries);
}

async function roundTrip(dir: string, value: unknown): Promise<unknown> {
  await writeTorchFile(`${dir}/x.pt`, value);
  using file = await openTorchFile(`${dir}/x.pt`);
  return await contents(file.root);
}

const saved = ["mha_full", "gqa_sliding"].flatMap((folder) =>
  ["model_000010.pt", "optim_000010_rank0.pt"].map((name) => `parity/${folder}/${name}`)
);
for (const path of [...saved, "tokenizer/token_bytes.pt"]) {
  Deno.test(`${path} is the same after reading, writing and reading`, async () => {
    await inTempDir(async (dir) => {
      using file = await openTorchFile(fixture(path));
      assertEquals(await roundTrip(dir, file.root), await contents(file.root));
    });
  });
}

Deno.test("plain values survive; plain objects come back as maps", async () => {
  await inTempDir(async (dir) => {
    const value = {
      ints: [0, 255, 256, 65536, -1, -128, -129, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 40)],
      bigints: [2n ** 63n, -(2n ** 63n), 2n ** 100n, -(2n ** 100n)],
      floats: [0.1, -1.5, 1e300, NaN, Infinity, -0, 2 ** 60],
      other: [null, true, false, "naïve € 😀", "", "x".repeat(100_000), []],
      nested: new Map<unknown, unknown>([[0, { a: new Map() }], [1, [[]]]]),
    };
    const expected = new Map(Object.entries({
      ...value,
      nested: new Map<unknown, unknown>([[0, new Map([["a", new Map()]])], [1, [[]]]]),
    }));
    const result = await roundTrip(dir, value) as Map<string, unknown>;
    assertEquals(result, expected);
    assert(Object.is((result.get("floats") as number[])[5], -0));
    await writeTorchFile(`${dir}/x.pt`, new OrderedDict([["a", 1]]));
    using file = await openTorchFile(`${dir}/x.pt`);
    assertInstanceOf(file.root, OrderedDict);
  });
});

/** Tensors with these numbers. */
function sources(
  tensors: Record<string, { dtype: StoredDType; shape: number[]; data: TensorArray }>,
): Record<string, TensorSource> {
  const entries = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    return [name, tensorFromArray(dtype, shape, data)];
  });
  return Object.fromEntries(entries);
}

Deno.test("tensors of every dtype are written as stored, float32 data rounded to narrow ones", async () => {
  await inTempDir(async (dir) => {
    const tensors: Parameters<typeof sources>[0] = {
      float32: { dtype: "float32", shape: [2, 1], data: Float32Array.of(1.5, -2) },
      float64: { dtype: "float64", shape: [1], data: Float64Array.of(0.1) },
      bfloat16: { dtype: "bfloat16", shape: [1], data: Uint16Array.of(0x3f80) },
      float16: { dtype: "float16", shape: [1], data: Uint16Array.of(0x3c00) },
      int32: { dtype: "int32", shape: [2], data: Int32Array.of(-1, 2) },
      int64: { dtype: "int64", shape: [1], data: BigInt64Array.of(-(2n ** 60n)) },
      uint8: { dtype: "uint8", shape: [1], data: Uint8Array.of(255) },
      bool: { dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) },
      empty: { dtype: "float32", shape: [0, 3], data: new Float32Array() },
      scalar: { dtype: "float32", shape: [], data: Float32Array.of(3) },
    };
    assertEquals(await roundTrip(dir, sources(tensors)), new Map(Object.entries(tensors)));
    // 1 + 2^-8 lies between two bfloat16 numbers and goes to the even one.
    const rounded = await roundTrip(
      dir,
      sources({
        bfloat16: { dtype: "bfloat16", shape: [2], data: Float32Array.of(1 + 2 ** -8, 3) },
        float16: { dtype: "float16", shape: [1], data: Float32Array.of(1 + 2 ** -11) },
      }),
    );
    assertEquals(
      rounded,
      new Map([
        ["bfloat16", { dtype: "bfloat16", shape: [2], data: Uint16Array.of(0x3f80, 0x4040) }],
        ["float16", { dtype: "float16", shape: [1], data: Uint16Array.of(0x3c00) }],
      ]),
    );
  });
});

Deno.test("tensors are produced one at a time, in order, after the last was written", async () => {
  await inTempDir(async (dir) => {
    const log: string[] = [];
    const produce = (name: string, value: number) => async () => {
      log.push(`start ${name}`);
      await Promise.resolve();
      log.push(`end ${name}`);
      return Float32Array.of(value);
    };
    const value = await roundTrip(dir, {
      a: { dtype: "float32", shape: [1], read: produce("a", 1) },
      b: { dtype: "bfloat16", shape: [1], read: produce("b", 2) },
    }) as Map<string, { data: unknown }>;
    assertEquals(log, ["start a", "end a", "start b", "end b"]);
    assertEquals(value.get("b")!.data, Uint16Array.of(0x4000));
  });
});

Deno.test("a large tensor is read in slices that come together as they were", async () => {
  await inTempDir(async (dir) => {
    const shape = [3, 2 ** 21 + 1];
    const slices: [start: number, count: number][] = [];
    const read = (start: number, count: number) => {
      slices.push([start, count]);
      return Promise.resolve(Uint8Array.from({ length: count }, (_, i) => (start + i) % 251));
    };
    await writeTorchFile(`${dir}/x.pt`, { dtype: "uint8", shape, read });
    using file = await openTorchFile(`${dir}/x.pt`);
    const values = await (file.root as StoredTensor).read() as Uint8Array;
    assert(values.every((value, i) => value === i % 251));
    assertEquals(slices, [[0, 2 ** 22], [2 ** 22, 2 ** 21 + 3]]);
  });
});

Deno.test("equal values give equal bytes, every record at a multiple of 64", async () => {
  await inTempDir(async (dir) => {
    const data = new Uint8Array(100).fill(0xa5);
    const value = { x: tensorFromArray("uint8", [100], data), y: 1 };
    await writeTorchFile(`${dir}/x.pt`, value);
    const first = await Deno.readFile(`${dir}/x.pt`);
    await writeTorchFile(`${dir}/x.pt`, value);
    assertEquals(await Deno.readFile(`${dir}/x.pt`), first);
    const start = first.findIndex((_, i) => data.every((byte, j) => first[i + j] === byte));
    assertEquals(start % 64, 0);
  });
});

Deno.test("a save that fails leaves the old file and nothing else", async () => {
  await inTempDir(async (dir) => {
    const path = `${dir}/model.pt`;
    await writeTorchFile(path, { old: true });
    const lost = { dtype: "float32", shape: [1], read: () => Promise.reject(new Error("lost")) };
    await assertRejects(() => writeTorchFile(path, { lost }), Error, "lost");
    const short = tensorFromArray("float32", [2], Float32Array.of(1));
    await assertRejects(() => writeTorchFile(path, { a: [short] }), TypeError, "root.a.0");
    await assertRejects(() => writeTorchFile(`${dir}/no/x.pt`, 1), UserError, "no/x.pt: cannot be");
    assertEquals(Array.from(Deno.readDirSync(dir), (entry) => entry.name), ["model.pt"]);
    using file = await openTorchFile(path);
    assertEquals(file.root, new Map([["old", true]]));
  });
});
