/**
 * A model's tensors in safetensors files of a bounded size, as transformers lays them out.
 */
import { writeSafetensors } from "../checkpoint/disk/mod.ts";
import { byteLengthOf } from "../checkpoint/disk/tensor_bytes.ts";
import type { TensorSource } from "../checkpoint/mod.ts";
import type { NewFolder } from "./new_folder.ts";

/** Most bytes of a shard unless another number is given: what the Hub recommends. */
export const SHARD_BYTES = 5e9;

/** Bytes of an export that are not weights: the tokenizer's, above all. */
export const BESIDE_WEIGHTS = 16e6;

/** Says that the tensors are PyTorch's, which transformers asks for. */
export const FORMAT = { format: "pt" } as const;

/** Bytes of all tensors. */
export function bytesOfAll(tensors: ReadonlyMap<string, TensorSource>): number {
  return tensors.values().reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
}

/** The tensors in order, as many in a shard as fit; one that is larger has a shard to itself. */
function shardsOf(
  tensors: ReadonlyMap<string, TensorSource>,
  shardBytes: number,
): Map<string, TensorSource>[] {
  const shards = [new Map<string, TensorSource>()];
  let bytes = 0;
  for (const [name, tensor] of tensors) {
    const size = byteLengthOf(tensor);
    if (bytes > 0 && bytes + size > shardBytes) {
      shards.push(new Map());
      bytes = 0;
    }
    shards.at(-1)!.set(name, tensor);
    bytes += size;
  }
  return shards;
}

/**
 * Writes `model.safetensors`, or `model-00001-of-0000N.safetensors` and so on with
 * `model.safetensors.index.json` where one file would be larger than `shardBytes`.
 *
 * @throws {UserError} if a file cannot be written.
 */
export async function writeShards(
  folder: NewFolder,
  tensors: ReadonlyMap<string, TensorSource>,
  shardBytes: number,
): Promise<void> {
  const shards = shardsOf(tensors, shardBytes);
  if (shards.length === 1) {
    await writeSafetensors(folder.file("model.safetensors"), tensors, FORMAT);
    return;
  }
  const digits = (number: number) => String(number).padStart(5, "0");
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const file = `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors`;
    await writeSafetensors(folder.file(file), shard, FORMAT);
    for (const name of shard.keys()) weightMap[name] = file;
  }
  const index = { metadata: { total_size: bytesOfAll(tensors) }, weight_map: weightMap };
  await folder.write("model.safetensors.index.json", JSON.stringify(index, null, 2) + "\n");
}
