import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import type { StoredTensor } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { inTempDir } from "../temp_dir.ts";
import { fixture, writeZip } from "./torch_archive.ts";

/** The message of the one-line UserError that opening `path` must throw; it must name the file. */
async function refusal(path: string): Promise<string> {
  const { message } = await assertRejects(() => openTorchFile(path), UserError);
  assertEquals(message.split("\n").length, 1);
  assertStringIncludes(message, path);
  return message;
}

/** A pickled tensor on storage "0". Sizes are raw opcodes, as `K\x02` for 2. */
function pickledTensor(
  { storage = "torch\nFloatStorage", length = "K\x06", offset = "K\x00", shape = "", strides = "" },
): string {
  return "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage" +
    `c${storage}\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu${length}tQ${offset}(${shape}t(${strides}t` +
    "\x89ccollections\nOrderedDict\n)RtR.";
}

/** 0, 1, 2, 3, 4, 5 as float32. */
const sixNumbers = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);

Deno.test("a model torch saved holds the reference's names, shapes and numbers", async () => {
  using file = await openTorchFile(fixture("parity/mha_full/model_000010.pt"));
  const model = file.root as Map<string, StoredTensor>;
  assertEquals(model.size, 21);
  const wte = model.get("transformer.wte.weight")!;
  assertEquals([wte.dtype, wte.shape, wte.byteLength], ["float32", [320, 32], 40960]);
  const all = await wte.readFloat32();
  assertEquals(all.length, 320 * 32);
  assertEquals(await wte.readFloat32(100, 7), all.slice(100, 107));
  assertEquals(await wte.readFloat32(10240), new Float32Array());
  const reads = [...model.values()].map((tensor) => tensor.read());
  assertEquals((await Promise.all(reads)).at(4), all);
  await assertRejects(() => wte.read(10239, 2), RangeError, "transformer.wte.weight");
});

Deno.test("optimizer state keeps its form: dicts by number, groups as a list", async () => {
  using file = await openTorchFile(fixture("parity/gqa_sliding/optim_000010_rank0.pt"));
  const root = file.root as Map<string, unknown>;
  const state = root.get("state") as Map<number, Map<string, unknown>>;
  assertEquals(state.get(0)!.get("step"), 3);
  const momentum = state.get(11)!.get("momentum_buffer") as StoredTensor;
  assertEquals(momentum.name, "state.11.momentum_buffer");
  assertEquals(momentum.shape, [8, 32, 64]);
  const groups = root.get("param_groups") as Map<string, unknown>[];
  assertEquals(groups[0].get("betas"), [0.8, 0.96]);
});

Deno.test("a file that is one tensor is read", async () => {
  using file = await openTorchFile(fixture("tokenizer/token_bytes.pt"));
  const tensor = file.root as StoredTensor;
  assertEquals([tensor.dtype, tensor.shape], ["int32", [4096]]);
  const values = await tensor.read() as Int32Array;
  assertEquals(values[0], 1);
  assertEquals(values.length, 4096);
});

Deno.test("a file of PyTorch 2.13 is read: views of one storage, transposed, a parameter", async () => {
  using file = await openTorchFile(fixture("torch_2_13.pt"));
  const root = file.root as Map<string, StoredTensor>;
  const values = async (name: string) => [...await root.get(name)!.readFloat32()];
  assertEquals(await values("whole"), [0, 1, 2, 3, 4, 5]);
  assertEquals(await values("transposed"), [0, 3, 1, 4, 2, 5]);
  assertEquals([...await root.get("transposed")!.readFloat32(1, 3)], [3, 1, 4]);
  assertEquals(await values("last_row"), [3, 4, 5]);
  assertEquals(await values("column"), [1, 4]);
  assertEquals(await values("parameter"), [1, 1]);
  assertEquals(await values("scalar"), [2.5]);
  assertEquals(await values("bfloat16"), [1.5, -2]);
  assertEquals(await values("float16"), [1.5, -2]);
  assertEquals(await values("float64"), [1.5, -2]);
  assertEquals(await values("int32"), [7, -8]);
  assertEquals(await values("int64"), [2 ** 40, -8]);
  assertEquals(await values("uint8"), [7, 255]);
  assertEquals(await values("bool"), [1, 0]);
  assertEquals(await values("empty"), []);
  assertEquals(await root.get("int64")!.read(), BigInt64Array.of(2n ** 40n, -8n));
  assertEquals(await root.get("bfloat16")!.read(), Uint16Array.of(0x3fc0, 0xc000));
});

Deno.test("truncation anywhere is one clear line", async () => {
  const whole = await Deno.readFile(fixture("parity/mha_full/model_000010.pt"));
  await inTempDir(async (dir) => {
    const path = `${dir}/model_000010.pt`;
    const ends = [0, 1, 3, 4, 29, 64, 1000, 2000, 100_000, whole.length - 23, whole.length - 1];
    for (let end = whole.length - 4000; end < whole.length; end += 97) ends.push(end);
    for (const end of ends) {
      await Deno.writeFile(path, whole.subarray(0, end));
      await refusal(path);
    }
    await Deno.writeFile(path, whole.subarray(0, 100_000));
    assertStringIncludes(await refusal(path), "cut short");
  });
});

Deno.test("damage to the directory or the pickle is a clear error or harmless", async () => {
  const whole = await Deno.readFile(fixture("parity/mha_full/model_000010.pt"));
  await inTempDir(async (dir) => {
    const path = `${dir}/x.pt`;
    for (let i = whole.length - 2000; i < whole.length; i += 7) {
      const broken = whole.slice();
      broken[i] ^= 0xff;
      await Deno.writeFile(path, broken);
      try {
        using file = await openTorchFile(path);
        for (const tensor of (file.root as Map<string, StoredTensor>).values()) await tensor.read();
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    }
  });
});

Deno.test("what is not a torch file is refused with the reason", async () => {
  await inTempDir(async (dir) => {
    assertStringIncludes(await refusal(`${dir}/missing.pt`), "no such file");
    assertStringIncludes(await refusal(dir), "not a file");
    await Deno.writeTextFile(`${dir}/text.pt`, "hello ".repeat(100));
    assertStringIncludes(await refusal(`${dir}/text.pt`), "not a zip archive");
    await writeZip(`${dir}/zip.pt`, { "readme.txt": "hello" });
    assertStringIncludes(await refusal(`${dir}/zip.pt`), "not one torch.save wrote");
    await writeZip(`${dir}/big.pt`, { "x/byteorder": "big", "x/data.pkl": "N." });
    assertStringIncludes(await refusal(`${dir}/big.pt`), '"big"-endian');
  });
});

Deno.test("a malicious pickle is refused by the name it asks for", async () => {
  await inTempDir(async (dir) => {
    const path = `${dir}/evil.pt`;
    await writeZip(path, { "x/data.pkl": "cposix\nsystem\n(S'touch /tmp/pwned'\ntR." });
    assertStringIncludes(await refusal(path), '"posix.system"');
    await writeZip(path, { "x/data.pkl": pickledTensor({ storage: "torch\nCharStorage" }) });
    assertStringIncludes(await refusal(path), '"torch.CharStorage"');
  });
});

Deno.test("tensors that reach outside their storage are refused", async () => {
  await inTempDir(async (dir) => {
    const path = `${dir}/x.pt`;
    const open = async (tensor: Parameters<typeof pickledTensor>[0], data = sixNumbers) => {
      await writeZip(path, { "x/data.pkl": pickledTensor(tensor), "x/data/0": data });
      return path;
    };
    const good = { shape: "K\x02K\x03", strides: "K\x03K\x01" };
    {
      using file = await openTorchFile(await open(good));
      assertEquals([...await (file.root as StoredTensor).readFloat32()], [0, 1, 2, 3, 4, 5]);
    }
    for (
      const bad of [
        { offset: "K\x01" },
        { offset: "J\xff\xff\xff\xff" },
        { shape: "K\x03K\x03" },
        { shape: "J\xff\xff\xff\xffK\x03" },
        { shape: "G?\xf8\x00\x00\x00\x00\x00\x00K\x03" },
        { strides: "K\x04K\x01" },
        { strides: "K\x03" },
        { strides: "K\x00K\x00", shape: "J\xff\xff\xff\x7fK\x03" },
        { length: "K\x07" },
        { length: "J\xff\xff\xff\xff" },
        { length: "G\x7f\xf8\x00\x00\x00\x00\x00\x00" },
        { length: "N" },
      ]
    ) await refusal(await open({ ...good, ...bad }));
    await refusal(await open(good, sixNumbers.slice(1)));
    await writeZip(path, { "x/data.pkl": pickledTensor(good) });
    assertStringIncludes(await refusal(path), "missing or cut short");
  });
});

Deno.test("a tensor is read through its strides, whatever they are", async () => {
  // What PyTorch reads of storage 0, 1, 2, 3, 4, 5: expanded, overlapping, transposed, sliced views.
  const views: [Parameters<typeof pickledTensor>[0], number[]][] = [
    [{ shape: "K\x04", strides: "K\x00", offset: "K\x03" }, [3, 3, 3, 3]],
    [{ shape: "K\x03K\x02", strides: "K\x00K\x01" }, [0, 1, 0, 1, 0, 1]],
    [{ shape: "K\x02K\x03K\x02", strides: "K\x03K\x00K\x01" }, [
      0,
      1,
      0,
      1,
      0,
      1,
      3,
      4,
      3,
      4,
      3,
      4,
    ]],
    [{ shape: "K\x05K\x02", strides: "K\x01K\x01" }, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]],
    [{ shape: "K\x03K\x02", strides: "K\x01K\x03" }, [0, 3, 1, 4, 2, 5]],
    [{ shape: "K\x03", strides: "K\x02", offset: "K\x01" }, [1, 3, 5]],
    [{ shape: "K\x01K\x02", strides: "M\xff\xffK\x05" }, [0, 5]],
    [{ shape: "K\x00K\x02", strides: "K\x00K\x00", offset: "K\x06" }, []],
  ];
  await inTempDir(async (dir) => {
    const path = `${dir}/x.pt`;
    for (const [view, expected] of views) {
      await writeZip(path, { "x/data.pkl": pickledTensor(view), "x/data/0": sixNumbers });
      using file = await openTorchFile(path);
      const tensor = file.root as StoredTensor;
      assertEquals([...await tensor.readFloat32()], expected);
      if (expected.length > 2) {
        assertEquals([...await tensor.readFloat32(1, 2)], expected.slice(1, 3));
      }
    }
    await writeZip(path, {
      "x/data.pkl": pickledTensor({ shape: "K\x01", strides: "K\x00", length: "K\x00" }),
      "x/data/0": "",
    });
    await refusal(path);
  });
});

Deno.test("an entry's checksum is compared where it is read whole, in any number of pieces", async () => {
  await inTempDir(async (dir) => {
    const path = `${dir}/x.pt`;
    const pickle = pickledTensor({ shape: "K\x06", strides: "K\x01" });
    await writeZip(path, { "x/data.pkl": pickle, "x/data/0": sixNumbers });
    const whole = await Deno.readFile(path);
    const latin1 = new TextDecoder("latin1").decode(whole);
    const read = async (bytes: Uint8Array, ...pieces: [number, number][]) => {
      await Deno.writeFile(path, bytes);
      using file = await openTorchFile(path);
      const tensor = file.root as StoredTensor;
      for (const [start, count] of pieces) await tensor.readFloat32(start, count);
    };
    await read(whole, [0, 6], [0, 2], [0, 3], [3, 3], [3, 3], [5, 1]);
    const broken = whole.slice();
    // Data lies at the next multiple of 64 behind the entry's name.
    broken[64 * Math.ceil((latin1.indexOf("x/data/0") + 12) / 64) + 4] ^= 1;
    const damaged = 'entry "x/data/0" is damaged';
    await assertRejects(() => read(broken, [0, 6]), UserError, damaged);
    await assertRejects(() => read(broken, [0, 1], [1, 2], [3, 3]), UserError, damaged);
    // As torch writes them when it is told not to take any.
    const central = latin1.lastIndexOf("PK\x01\x02", latin1.lastIndexOf("x/data/0"));
    broken.fill(0, central + 16, central + 20);
    await read(broken, [0, 6]);
    const badPickle = whole.slice();
    badPickle[latin1.indexOf("storage")] ^= 1;
    await assertRejects(() => read(badPickle), UserError, 'entry "x/data.pkl" is damaged');
  });
});

Deno.test("a tree that contains itself, or nests without end, is read", async () => {
  await inTempDir(async (dir) => {
    const path = `${dir}/x.pt`;
    await writeZip(path, { "x/data.pkl": "]q\x00h\x00a." });
    (await openTorchFile(path)).close();
    await writeZip(path, { "x/data.pkl": "(".repeat(100_000) + "t".repeat(100_000) + "." });
    (await openTorchFile(path)).close();
  });
});

Deno.test("zip64 records are read", async () => {
  await inTempDir(async (dir) => {
    const path = `${dir}/x.pt`;
    const shape = { shape: "K\x06", strides: "K\x01" };
    await writeZip(path, { "x/data.pkl": pickledTensor(shape), "x/data/0": sixNumbers }, 10);
    using file = await openTorchFile(path);
    assertEquals([...await (file.root as StoredTensor).readFloat32()], [0, 1, 2, 3, 4, 5]);
  });
});
