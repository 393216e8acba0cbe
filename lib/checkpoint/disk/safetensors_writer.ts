import type { TensorSource } from "../../tensor_source.ts";
import { METADATA, SAFETENSORS_CODES } from "../safetensors.ts";
import { StagedFile } from "./staged_file.ts";
import { byteLengthOf, bytesOfTensor } from "./tensor_bytes.ts";

/**
 * Writes a safetensors file.
 *
 * Tensors are produced, written and let go slice by slice. The file appears under its name only
 * when it is complete.
 *
 * @param path The file's path.
 * @param tensors The tensors by name.
 * @param metadata Text about the file, by key.
 * @throws {UserError} if the file cannot be written.
 *
 * @example
 * ```ts
 * import { tensorFromArray } from "@nanochat/sft/checkpoint";
 * import { openSafetensors, writeSafetensors } from "@nanochat/sft/checkpoint/disk";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * const x = tensorFromArray("float32", [2], Float32Array.of(1, 2));
 * await writeSafetensors(path, new Map([["x", x]]));
 * using file = await openSafetensors(path);
 * assertEquals(await file.tensors.get("x")!.readFloat32(), Float32Array.of(1, 2));
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorSource>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const entries: [string, unknown][] = metadata ? [[METADATA, metadata]] : [];
  let end = 0;
  for (const [name, tensor] of tensors) {
    const begin = end;
    end += byteLengthOf(tensor);
    const { dtype, shape } = tensor;
    entries.push([name, { dtype: SAFETENSORS_CODES[dtype], shape, data_offsets: [begin, end] }]);
  }
  const json = JSON.stringify(Object.fromEntries(entries));
  const bytes = new TextEncoder().encode(json);
  // The data starts at a multiple of 8; the header may end in spaces.
  const header = new Uint8Array(8 + Math.ceil(bytes.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(bytes, 8);
  await using file = await StagedFile.create(path);
  await file.write(header);
  for (const [name, tensor] of tensors) {
    for await (const bytes of bytesOfTensor(name, tensor)) await file.write(bytes);
  }
  await file.commit();
}
