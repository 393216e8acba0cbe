import { UserError } from "../errors.ts";
import { sizeOf } from "../shapes.ts";
import type { StoredDType } from "../tensor_source.ts";
import { quote, reasonOf } from "./byte_reader.ts";
import type { ByteSource } from "./byte_source.ts";
import { bytesPerElement } from "./dtype.ts";
import { StoredTensor } from "./stored_tensor.ts";

/** The format's names of the element types that are read here. */
export const SAFETENSORS_CODES: Readonly<Record<StoredDType, string>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  float64: "F64",
  int32: "I32",
  int64: "I64",
  uint8: "U8",
  bool: "BOOL",
};
const dtypes = new Map(
  Object.entries(SAFETENSORS_CODES).map(([dtype, code]) => [code, dtype as StoredDType]),
);

/** The format's own limit, so that a damaged length asks for no more. */
const MAX_HEADER_BYTES = 100_000_000;

/** The header's key for text about the file. */
export const METADATA = "__metadata__";

/**
 * A safetensors file (https://github.com/huggingface/safetensors, "Format"). Opening reads the
 * header only; its tensors are readable until it is closed.
 *
 * @example
 * ```ts
 * import { BlobSource, SafetensorsFile } from "@nanochat/sft/checkpoint";
 * import { assertEquals } from "@std/assert";
 *
 * const header = '{"x":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}';
 * const length = BigUint64Array.of(BigInt(header.length));
 * const blob = new Blob([length, header, Uint16Array.of(0x3c00, 0xc000)]);
 * using file = await SafetensorsFile.open(new BlobSource("x.safetensors", blob));
 * assertEquals(await file.tensors.get("x")!.readFloat32(), Float32Array.of(1, -2));
 * ```
 */
export class SafetensorsFile implements Disposable {
  private constructor(
    /** What error messages call it: the path it was opened with, for example. */
    readonly name: string,
    /** The tensors by name, in the file's order. */
    readonly tensors: ReadonlyMap<string, StoredTensor>,
    /** Text about the file, by key. */
    readonly metadata: ReadonlyMap<string, string>,
    private readonly source: ByteSource,
  ) {}

  /**
   * Opens a file.
   *
   * @param source Its bytes, closed with the file, or at once if it cannot be opened.
   * @throws {UserError} if it is truncated, malformed, or holds another element type than
   * float32, float16, bfloat16, float64, int32, int64, uint8 and bool.
   */
  static async open(source: ByteSource): Promise<SafetensorsFile> {
    try {
      const { header, dataStart } = await readHeader(source);
      const { [METADATA]: metadata = {}, ...tensors } = header;
      if (!isTexts(metadata)) throw new UserError(`${source.name}: has malformed metadata`);
      const places = Object.entries(tensors).map(([name, description]) =>
        readPlace(name, description, source, dataStart)
      );
      checkCoverage(places, source, dataStart);
      const stored = places.map(({ name, dtype, shape, begin, end }) => {
        const storage = { source, storageStart: dataStart + begin, storageOffset: 0 };
        const storageLength = (end - begin) / bytesPerElement(dtype);
        return [name, new StoredTensor(name, dtype, shape, { ...storage, storageLength })] as const;
      });
      return new SafetensorsFile(
        source.name,
        new Map(stored),
        new Map(Object.entries(metadata)),
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

function isTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === "string");
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

/** What the header says of a tensor: its bytes are those from `begin` to `end` of the data. */
interface Place {
  name: string;
  dtype: StoredDType;
  shape: number[];
  begin: number;
  end: number;
}

function readPlace(
  name: string,
  description: unknown,
  source: ByteSource,
  dataStart: number,
): Place {
  const { name: path } = source;
  const { dtype: code, shape, data_offsets: offsets } = isObject(description) ? description : {};
  const dtype = dtypes.get(code as string);
  if (typeof code === "string" && dtype === undefined) {
    throw new UserError(
      `${path}: tensor ${quote(name)} is of type ${quote(code)}, which is not read here`,
    );
  }
  if (dtype === undefined || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw new UserError(`${path}: tensor ${quote(name)} is malformed`);
  }
  const [begin, end] = offsets;
  if (dataStart + end > source.length) {
    throw new UserError(`${path}: is cut short; tensor ${quote(name)} is not all there`);
  }
  if (end - begin !== sizeOf(shape) * bytesPerElement(dtype)) {
    const place = `its place, bytes ${begin} to ${end}`;
    throw new UserError(
      `${path}: tensor ${quote(name)} of shape [${shape}] does not fit ${place}; it is malformed`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/** The format wants every byte of the data to belong to one tensor. */
function checkCoverage(places: readonly Place[], source: ByteSource, dataStart: number): void {
  let covered = 0;
  for (
    const { name, begin, end } of places.toSorted((a, b) => a.begin - b.begin || a.end - b.end)
  ) {
    if (begin !== covered) {
      const fault = begin < covered ? "overlaps another" : "leaves a gap before it";
      throw new UserError(`${source.name}: is malformed; tensor ${quote(name)} ${fault}`);
    }
    covered = end;
  }
  const rest = source.length - dataStart - covered;
  if (rest > 0) {
    throw new UserError(`${source.name}: is malformed; ${rest} bytes at its end are no tensor's`);
  }
}
