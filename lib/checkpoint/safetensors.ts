import { UserError } from "../errors.ts";
import { quote, reasonOf } from "./byte_reader.ts";
import { type ByteSource, FileSource } from "./byte_source.ts";
import { bytesPerElement, type DType } from "./dtype.ts";
import { StagedFile } from "./staged_file.ts";
import { StoredTensor } from "./stored_tensor.ts";
import { byteLengthOf, bytesOfTensor, type TensorSource } from "./tensor_source.ts";

const codes: Readonly<Record<DType, string>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  float64: "F64",
  int32: "I32",
  int64: "I64",
  uint8: "U8",
  bool: "BOOL",
};
const dtypes = new Map(Object.entries(codes).map(([dtype, code]) => [code, dtype as DType]));

/** The format's own limit, so that a damaged length asks for no more. */
const MAX_HEADER_BYTES = 100_000_000;

/** The header's key for text about the file. */
const METADATA = "__metadata__";

/**
 * A safetensors file (https://github.com/huggingface/safetensors, "Format"). Opening reads the
 * header only; its tensors are readable until it is closed.
 *
 * @example
 * ```ts
 * import { SafetensorsFile, writeSafetensors } from "@nanochat/sft/checkpoint";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * const x = { dtype: "float32" as const, shape: [2], data: Float32Array.of(1, 2) };
 * await writeSafetensors(path, new Map([["x", x]]));
 * using file = await SafetensorsFile.open(path);
 * assertEquals(await file.tensors.get("x")!.readFloat32(), Float32Array.of(1, 2));
 * ```
 */
export class SafetensorsFile implements Disposable {
  private constructor(
    /** The path it was opened with. */
    readonly path: string,
    /** The tensors by name, in the file's order. */
    readonly tensors: ReadonlyMap<string, StoredTensor>,
    /** Text about the file, by key. */
    readonly metadata: ReadonlyMap<string, string>,
    private readonly source: FileSource,
  ) {}

  /**
   * Opens a file.
   *
   * @throws {UserError} if it is missing, truncated, malformed, or holds another element type than
   * float32, float16, bfloat16, float64, int32, int64, uint8 and bool.
   */
  static async open(path: string): Promise<SafetensorsFile> {
    const source = await FileSource.open(path);
    try {
      const { header, dataStart } = await readHeader(source);
      const { [METADATA]: metadata, ...tensors } = header;
      const stored = Object.entries(tensors).map(([name, description]) => {
        return [name, storedTensor(name, description, source, dataStart)] as const;
      });
      const texts = isObject(metadata) ? Object.entries(metadata) : [];
      return new SafetensorsFile(
        path,
        new Map(stored),
        new Map(texts.map(([key, text]) => [key, String(text)])),
        source,
      );
    } catch (error) {
      source[Symbol.dispose]();
      throw error;
    }
  }

  /** Closes the file; its tensors cannot be read after that. */
  close(): void {
    this.source[Symbol.dispose]();
  }

  /** As {@linkcode SafetensorsFile.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

async function readHeader(
  source: ByteSource,
): Promise<{ header: Record<string, unknown>; dataStart: number }> {
  const prefix = new Uint8Array(8);
  if (source.length >= 8) await source.readAt(0, prefix);
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (length < 2 || length > MAX_HEADER_BYTES || 8 + length > source.length) {
    throw new UserError(`${source.name}: is not a safetensors file, or is cut short`);
  }
  const bytes = new Uint8Array(length);
  await source.readAt(8, bytes);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new UserError(`${source.name}: has a malformed header: ${quote(reasonOf(error))}`);
  }
  if (!isObject(header)) throw new UserError(`${source.name}: has a malformed header`);
  return { header, dataStart: 8 + length };
}

function storedTensor(
  name: string,
  description: unknown,
  source: ByteSource,
  dataStart: number,
): StoredTensor {
  const { dtype: code, shape, data_offsets: offsets } = isObject(description) ? description : {};
  const dtype = dtypes.get(code as string);
  if (typeof code === "string" && dtype === undefined) {
    throw new UserError(
      `${source.name}: tensor ${quote(name)} is of type ${quote(code)}, which is not read here`,
    );
  }
  const [begin, end] = Array.isArray(offsets) ? offsets : [];
  const isPlaced = Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin >= 0 &&
    begin <= end;
  if (dtype === undefined || !isSizes(shape) || !isPlaced) {
    throw new UserError(`${source.name}: tensor ${quote(name)} is malformed`);
  }
  if (dataStart + end > source.length) {
    throw new UserError(`${source.name}: is cut short; tensor ${quote(name)} is not all there`);
  }
  return new StoredTensor(name, dtype, shape, {
    source,
    storageStart: () => Promise.resolve(dataStart + begin),
    storageLength: (end - begin) / bytesPerElement(dtype),
    storageOffset: 0,
  });
}

/**
 * Writes a safetensors file.
 *
 * Tensors are produced, written and let go one by one. The file appears under its name only when
 * it is complete.
 *
 * @param path The file's path.
 * @param tensors The tensors by name.
 * @param metadata Text about the file, by key.
 * @throws {UserError} if the file cannot be written.
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
    entries.push([name, { dtype: codes[dtype], shape, data_offsets: [begin, end] }]);
  }
  const json = JSON.stringify(Object.fromEntries(entries));
  const bytes = new TextEncoder().encode(json);
  // The data starts at a multiple of 8; the header may end in spaces.
  const header = new Uint8Array(8 + Math.ceil(bytes.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(bytes, 8);
  await using file = await StagedFile.create(path);
  await file.write(header);
  for (const [name, tensor] of tensors) await file.write(await bytesOfTensor(name, tensor));
  await file.commit();
}
