/**
 * The directory nanochat keeps a tokenizer in: `tokenizer.pkl` (see `encoding_pickle.ts`) and
 * `token_bytes.pt`, an int32 tensor of the bytes each id stands for.
 */

import { join } from "@std/path";
import { StoredTensor, TorchFile, writeTorchFile } from "../checkpoint/mod.ts";
import { reportWriteErrors, StagedFile } from "../checkpoint/staged_file.ts";
import { UserError } from "../errors.ts";
import { readEncoding, writeEncoding } from "./encoding_pickle.ts";
import type { TokenizerData } from "./tokenizer.ts";

/**
 * Reads a tokenizer directory.
 *
 * @throws {UserError} As {@linkcode Tokenizer.load}.
 */
export async function readTokenizer(directory: string): Promise<TokenizerData> {
  const path = join(directory, "tokenizer.pkl");
  const pickle = await unlessMissing(Deno.readFile(path));
  if (!pickle) {
    throw new UserError(
      `there is no tokenizer at ${path}: copy the tokenizer folder that the base model was ` +
        `trained with to ${directory}`,
    );
  }
  return { ...readEncoding(pickle, path), tokenBytes: await readTokenBytes(directory) };
}

/** `token_bytes.pt`, or `undefined` if the directory has none. */
async function readTokenBytes(directory: string): Promise<Int32Array<ArrayBuffer> | undefined> {
  const path = join(directory, "token_bytes.pt");
  if (!await unlessMissing(Deno.stat(path))) return undefined;
  using file = await TorchFile.open(path);
  const tensor = file.root;
  const isInt32Vector = tensor instanceof StoredTensor && tensor.dtype === "int32" &&
    tensor.shape.length === 1;
  if (!isInt32Vector) throw new UserError(`${path} is not a vector of int32`);
  return await tensor.read() as Int32Array<ArrayBuffer>;
}

/**
 * Writes a tokenizer directory, making it if need be; each file appears whole or not at all.
 *
 * @throws {UserError} If it cannot be written.
 */
export async function writeTokenizer(
  directory: string,
  data: TokenizerData & { tokenBytes: Int32Array<ArrayBuffer> },
): Promise<void> {
  await reportWriteErrors(directory, () => Deno.mkdir(directory, { recursive: true }));
  await writeTorchFile(join(directory, "token_bytes.pt"), {
    dtype: "int32",
    shape: [data.tokenBytes.length],
    data: data.tokenBytes,
  });
  await using file = await StagedFile.create(join(directory, "tokenizer.pkl"));
  await file.write(writeEncoding(data));
  await file.commit();
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
