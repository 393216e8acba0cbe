import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openSafetensors, writeSafetensors } from "../../lib/checkpoint/disk/mod.ts";
import { type StoredDType, type TensorArray, tensorFromArray } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { inTempDir } from "../temp_dir.ts";
import { fixture } from "./torch_archive.ts";

/** A file with this JSON header and `dataLength` bytes of data. */
function safetensors(header: string, dataLength = 8): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  new TextEncoder().encodeInto(header, bytes.subarray(8));
  return bytes;
}

Deno.test("a file of the reference library is read", async () => {
  using file = await openSafetensors(fixture("parity/mha_full/expected.safetensors"));
  const logits = file.tensors.get("logits")!;
  assertEquals([logits.dtype, logits.shape], ["float32", [3, 48, 265]]);
  const row = await logits.readFloat32(265, 265);
  assertEquals(row, (await logits.readFloat32()).slice(265, 530));
  assertEquals(file.tensors.get("x")!.shape, [3, 48]);
});

Deno.test("what is written is read back, every dtype and the metadata", async () => {
  await inTempDir(async (dir) => {
    const tensors = new Map<string, [StoredDType, number[], TensorArray]>([
      ["float32", ["float32", [2, 1], Float32Array.of(1.5, -2)]],
      ["uint8", ["uint8", [3], Uint8Array.of(1, 2, 3)]],
      ["bfloat16", ["bfloat16", [1], Uint16Array.of(0x3f80)]],
      ["float16", ["float16", [1], Uint16Array.of(0x3c00)]],
      ["float64", ["float64", [1], Float64Array.of(0.1)]],
      ["int32", ["int32", [1], Int32Array.of(-1)]],
      ["int64", ["int64", [1], BigInt64Array.of(-(2n ** 60n))]],
      ["bool", ["bool", [2], Uint8Array.of(1, 0)]],
      ["empty", ["float32", [0], new Float32Array()]],
      ["scalar", ["float32", [], Float32Array.of(3)]],
    ]);
    const path = `${dir}/x.safetensors`;
    const sources = new Map(
      Array.from(tensors, ([name, tensor]) => [name, tensorFromArray(...tensor)] as const),
    );
    await writeSafetensors(path, sources, { format: "pt" });
    using file = await openSafetensors(path);
    assertEquals([...file.tensors.keys()], [...tensors.keys()]);
    assertEquals([...file.metadata], [["format", "pt"]]);
    for (const [name, [dtype, shape, data]] of tensors) {
      const tensor = file.tensors.get(name)!;
      assertEquals([tensor.dtype, tensor.shape], [dtype, shape]);
      assertEquals(await tensor.read(), data);
    }
  });
});

Deno.test("a copy through lazy tensors equals the original", async () => {
  await inTempDir(async (dir) => {
    using file = await openSafetensors(fixture("parity/mha_full/expected.safetensors"));
    await writeSafetensors(`${dir}/copy.safetensors`, file.tensors);
    using copy = await openSafetensors(`${dir}/copy.safetensors`);
    for (const [name, tensor] of file.tensors) {
      assertEquals(await copy.tensors.get(name)!.read(), await tensor.read(), name);
    }
  });
});

Deno.test("damaged and foreign files are refused with the reason", async () => {
  const tensor = (fields: string) => safetensors(`{"a":{${fields}}}`);
  const pair = (first: string, second: string, name = "b") => {
    const float = (place: string) => `{"dtype":"F32","shape":[1],"data_offsets":${place}}`;
    return safetensors(`{"a":${float(first)},"${name}":${float(second)}}`);
  };
  const bad: [Uint8Array, string][] = [
    [new Uint8Array(), "is not a safetensors file"],
    [new TextEncoder().encode("PK\x03\x04 and so on"), "is not a safetensors file"],
    [safetensors("{}").subarray(0, 9), "is cut short"],
    [safetensors("{nonsense"), "malformed header"],
    [safetensors("[]"), "malformed header"],
    [tensor('"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]'), '"F8_E4M3"'],
    [tensor('"dtype":"F32","shape":[2],"data_offsets":[0,12]'), "is cut short"],
    [tensor('"dtype":"F32","shape":[3],"data_offsets":[0,8]'), "does not fit"],
    [tensor('"dtype":"F32","shape":[-1],"data_offsets":[0,8]'), "malformed"],
    [tensor(`"dtype":"F32","shape":[${"[".repeat(9e4)}${"]".repeat(9e4)}]`), "malformed"],
    [tensor('"dtype":"F32","shape":2,"data_offsets":[0,8]'), "malformed"],
    [tensor('"dtype":"F32","shape":[2],"data_offsets":[8,0]'), "malformed"],
    [tensor('"dtype":"F32","shape":[2],"data_offsets":[-8,0]'), "malformed"],
    [tensor('"shape":[2]'), "malformed"],
    [tensor('"dtype":"F32","shape":[1],"data_offsets":[0,8]'), "does not fit"],
    [tensor('"dtype":"F32","shape":[2],"data_offsets":[0,8,8]'), "malformed"],
    [tensor('"dtype":"F32","shape":[1],"data_offsets":[0,4]'), "4 bytes at its end"],
    [tensor('"dtype":"F32","shape":[1],"data_offsets":[4,8]'), '"a" leaves a gap before it'],
    [pair("[0,4]", "[0,4]"), '"b" overlaps another'],
    [pair("[4,8]", "[2,6]"), "a gap before it"],
    // The same name twice: JSON keeps the last.
    [pair("[0,4]", "[4,8]", "a"), '"a" leaves a gap before it'],
    [safetensors('{"__metadata__":{"format":1}}', 0), "malformed metadata"],
    [safetensors('{"__metadata__":["pt"]}', 0), "malformed metadata"],
  ];
  await inTempDir(async (dir) => {
    const path = `${dir}/x.safetensors`;
    for (const [bytes, reason] of bad) {
      await Deno.writeFile(path, bytes);
      const { message } = await assertRejects(() => openSafetensors(path), UserError);
      assertStringIncludes(message, path);
      assertStringIncludes(message, reason);
    }
  });
});
