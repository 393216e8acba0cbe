/**
 * The folder nanochat keeps a tokenizer in: `tokenizer.pkl` (see `encoding_pickle.ts`) and
 * `token_bytes.pt`, an int32 tensor of the bytes each id stands for.
 */

import {
  type Folder,
  readAll,
  StoredTensor,
  tensorFromArray,
  TorchFile,
  type WritableFolder,
} from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import type { TokenizerData } from "./data.ts";
import { readEncoding, writeEncoding } from "./encoding_pickle.ts";

const ENCODING = "tokenizer.pkl";
const TOKEN_BYTES = "token_bytes.pt";

/**
 * Reads a tokenizer's folder.
 *
 * @throws {UserError} As {@linkcode Tokenizer.load}.
 */
export async function readTokenizer(folder: Folder): Promise<TokenizerData> {
  using source = await folder.open(ENCODING);
  if (!source) {
    throw new UserError(
      `there is no tokenizer at ${folder.name}/${ENCODING}: copy the tokenizer folder that the ` +
        `base model was trained with to ${folder.name}`,
      { detail: { kind: "noTokenizer" } },
    );
  }
  const encoding = readEncoding(await readAll(source), source.name);
  const vocabSize = encoding.tokens.length + encoding.specialTokens.size;
  return { ...encoding, tokenBytes: await readTokenBytes(folder, vocabSize) };
}

/** `token_bytes.pt`, or `undefined` if the folder has none. */
async function readTokenBytes(
  folder: Folder,
  vocabSize: number,
): Promise<Int32Array<ArrayBuffer> | undefined> {
  const source = await folder.open(TOKEN_BYTES);
  if (!source) return undefined;
  using file = await TorchFile.open(source);
  const tensor = file.root;
  const isInt32Vector = tensor instanceof StoredTensor && tensor.dtype === "int32" &&
    tensor.shape.length === 1;
  if (!isInt32Vector) throw new UserError(`${file.name} is not a vector of int32`);
  if (tensor.count !== vocabSize) {
    throw new UserError(
      `${file.name} has ${tensor.count} entries and the tokenizer ${vocabSize} tokens: ` +
        "they do not belong together",
    );
  }
  return await tensor.read() as Int32Array<ArrayBuffer>;
}

/**
 * Writes a tokenizer's folder.
 *
 * @throws {UserError} If it cannot be written.
 */
export async function writeTokenizer(
  folder: WritableFolder,
  data: TokenizerData & { tokenBytes: Int32Array<ArrayBuffer> },
): Promise<void> {
  const { tokenBytes } = data;
  await folder.writeTorch(TOKEN_BYTES, tensorFromArray("int32", [tokenBytes.length], tokenBytes));
  await folder.writeBytes(ENCODING, writeEncoding(data));
}
