/**
 * The tensors of a folder of transformers, from one file of safetensors or several.
 */
import { join } from "@std/path";
import { openSafetensors } from "../checkpoint/disk/mod.ts";
import type { StoredTensor } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { readJsonFile } from "./read_json_file.ts";

/** Tensors that are readable until they are disposed of. */
export interface Weights extends Disposable {
  /** The tensors by the names in the files. */
  tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * Opens the weights of a folder: `model.safetensors`, or the shards that its index names.
 *
 * @throws {UserError} if there are none, a file is damaged, or files and index differ.
 */
export async function openWeights(folder: string): Promise<Weights> {
  using opened = new DisposableStack();
  const tensors = new Map<string, StoredTensor>();
  const path = join(folder, "model.safetensors.index.json");
  const index = await readJsonFile(path);
  const places = index === undefined ? undefined : readIndex(index, path);
  const files = places ? new Set(places.values()) : ["model.safetensors"];
  for (const file of files) {
    const shard = opened.use(await openSafetensors(join(folder, file)));
    for (const [name, tensor] of shard.tensors) {
      if (places && places.get(name) !== file) {
        throw new UserError(
          `${shard.name}: holds ${JSON.stringify(name)}, which ${path} places ` +
            `in ${places.get(name) ?? "no file"}`,
        );
      }
      tensors.set(name, tensor);
    }
  }
  const missing = places?.keys().find((name) => !tensors.has(name));
  if (missing !== undefined) {
    throw new UserError(`${path}: places ${missing} in ${places!.get(missing)}, which lacks it`);
  }
  const kept = opened.move();
  return { tensors, [Symbol.dispose]: () => kept.dispose() };
}

/** Which file holds each tensor. */
function readIndex(index: unknown, path: string): Map<string, string> {
  const places = Object.entries(Object(Object(index).weight_map));
  const isPlace = (place: [string, unknown]): place is [string, string] =>
    typeof place[1] === "string" && /^[^/\\]+\.safetensors$/.test(place[1]);
  if (places.length === 0 || !places.every(isPlace)) {
    throw new UserError(`${path}: has no "weight_map" of files beside it`);
  }
  return new Map(places);
}
