import { UserError } from "../../errors.ts";
import { ByteReader, reasonOf } from "../byte_reader.ts";
import { type CheckpointMeta, parseMeta } from "../meta.ts";
import { SafetensorsFile } from "../safetensors.ts";
import { TorchFile } from "../torch_file.ts";
import { FileSource } from "./file_source.ts";

/**
 * Opens a file that `torch.save` wrote.
 *
 * @throws {UserError} if it is missing, or as {@linkcode TorchFile.open}.
 */
export async function openTorchFile(path: string): Promise<TorchFile> {
  return await TorchFile.open(await FileSource.open(path));
}

/**
 * Opens a safetensors file.
 *
 * @throws {UserError} if it is missing, or as {@linkcode SafetensorsFile.open}.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  return await SafetensorsFile.open(await FileSource.open(path));
}

/**
 * Reads and checks a `meta_*.json`, see {@linkcode parseMeta}.
 *
 * @throws {UserError} if the file is missing or malformed; the message names the key.
 */
export async function readMeta(path: string): Promise<CheckpointMeta> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw new UserError(`${path}: cannot be read: ${reasonOf(error)}`);
  }
  return parseMeta(new ByteReader(bytes, path).text(bytes.length), path);
}
