/**
 * A checkpoint as nanochat's own files, and as one file of safetensors.
 */
import { dirname, join, resolve } from "@std/path";
import {
  DiskFolder,
  WriteError,
  writeSafetensors,
  writeTorchFile,
} from "../checkpoint/disk/mod.ts";
import { CHECKPOINT_FOLDERS, OrderedDict, type TensorSource } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { formatJson } from "../json.ts";
import { checkFits } from "../training/mod.ts";
import { converted, type ConvertOptions } from "./convert.ts";
import { NewFolder } from "./new_folder.ts";
import { BESIDE_WEIGHTS, bytesOfAll, FORMAT } from "./shards.ts";
import type { StoredModel } from "./stored_model.ts";

/**
 * Writes a base directory that nanochat opens: the model, its meta file as it is, and the tokenizer.
 * It appears whole or not at all.
 *
 * @throws {UserError} if something is there already, the disk has no room, or a number is too large
 * for the type that is asked for.
 */
export async function writeNanochatFolder(
  model: StoredModel,
  path: string,
  options: ConvertOptions = {},
): Promise<void> {
  const { files, source, tokenizer } = model;
  const tensors = converted(model.tensors, options);
  await using folder = await NewFolder.create(path, bytesOfAll(tensors) + BESIDE_WEIGHTS);
  await tokenizer.save(new DiskFolder(folder.file("tokenizer")));
  const directory = folder.file(CHECKPOINT_FOLDERS[source], files.tag);
  await Deno.mkdir(directory, { recursive: true });
  await writeCheckpoint(directory, files.step, tensors, model.meta);
  await folder.commit();
}

/** Writes the model and the meta file of a step under nanochat's names. */
export async function writeCheckpoint(
  directory: string,
  step: number,
  tensors: ReadonlyMap<string, TensorSource>,
  meta: Record<string, unknown>,
): Promise<void> {
  const digits = String(step).padStart(6, "0");
  await writeTorchFile(join(directory, `model_${digits}.pt`), new OrderedDict(tensors));
  await new DiskFolder(directory).writeBytes(
    `meta_${digits}.json`,
    new TextEncoder().encode(formatJson(meta, 2) + "\n"),
  );
}

/**
 * Writes a checkpoint's state dict, under nanochat's names, as one safetensors file with the model's
 * configuration, parts and meta file in its metadata.
 *
 * @throws {UserError} if something is there already, or a number is too large for the type that is
 * asked for.
 */
export async function writeSafetensorsFile(
  model: StoredModel,
  path: string,
  options: ConvertOptions = {},
): Promise<void> {
  if (await Deno.lstat(path).then(() => true, () => false)) {
    throw new UserError(`${path}: is there already; name a new file`);
  }
  const tensors = converted(model.tensors, options);
  const directory = dirname(resolve(path));
  try {
    await Deno.mkdir(directory, { recursive: true });
  } catch (error) {
    throw new WriteError(`${path}: cannot be written: ${(error as Error).message}`);
  }
  await checkFits([{ directory, bytes: bytesOfAll(tensors) + BESIDE_WEIGHTS, name: path }]);
  await writeSafetensors(path, tensors, {
    ...FORMAT,
    source: model.source,
    step: String(model.files.step),
    parts: formatJson(model.parts),
    meta: formatJson(model.meta),
  });
}
