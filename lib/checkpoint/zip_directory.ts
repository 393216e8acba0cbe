import { UserError } from "../errors.ts";
import { ByteReader, quote } from "./byte_reader.ts";
import type { ByteSource } from "./byte_source.ts";
import {
  CENTRAL_HEADER,
  END_RECORD,
  IN_ZIP64,
  IN_ZIP64_SHORT,
  LOCAL_HEADER,
  LOCAL_HEADER_BYTES,
  ZIP64_END_RECORD,
  ZIP64_END_RECORD_BYTES,
  ZIP64_EXTRA,
  ZIP64_LOCATOR,
} from "./zip_format.ts";

/** A file inside a zip archive. */
export interface ZipEntry {
  /** Its path in the archive. */
  name: string;
  /** Uncompressed bytes. */
  size: number;
  /** CRC-32 of those bytes. */
  checksum: number;
  /** Position of its local header in the archive. */
  headerPosition: number;
  /** True if its bytes lie in the archive as they are. */
  isStored: boolean;
}

const END_RECORD_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const ZIP64_LOCATOR_BYTES = 20;

async function readerAt(
  source: ByteSource,
  position: number,
  length: number,
): Promise<ByteReader> {
  if (!(position >= 0 && length >= 0 && position + length <= source.length)) {
    throw new UserError(`${source.name}: its zip directory is damaged`);
  }
  const bytes = new Uint8Array(length);
  await source.readAt(position, bytes);
  return new ByteReader(bytes, source.name);
}

/**
 * Reads a zip archive's directory from the file's end (APPNOTE.TXT 4.3.12 to 4.3.16), zip64
 * included.
 *
 * @returns The entries by name.
 * @throws {UserError} if the file is no zip archive, or is cut short.
 */
export async function readZipDirectory(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { count, position, length } = await findDirectory(source);
  const input = await readerAt(source, position, length);
  const entries = new Map<string, ZipEntry>();
  for (let i = 0; i < count; i++) {
    const entry = readCentralHeader(input);
    if (entries.has(entry.name) || entry.isStored && entry.size > source.length) {
      throw new UserError(`${source.name}: its zip directory is damaged`);
    }
    entries.set(entry.name, entry);
  }
  return entries;
}

async function findDirectory(
  source: ByteSource,
): Promise<{ count: number; position: number; length: number }> {
  const tailLength = Math.min(source.length, END_RECORD_BYTES + MAX_COMMENT_BYTES);
  const tailStart = source.length - tailLength;
  const tail = await readerAt(source, tailStart, tailLength);
  for (let at = tailLength - END_RECORD_BYTES; at >= 0; at--) {
    tail.position = at;
    if (tail.bytes[at] !== 0x50 || tail.u32() !== END_RECORD) continue;
    tail.skip(6);
    const [count, length, position] = [tail.u16(), tail.u32(), tail.u32()];
    const saysZip64 = count === IN_ZIP64_SHORT || length === IN_ZIP64 || position === IN_ZIP64;
    if (!saysZip64) return { count, position, length };
    return await findZip64Directory(source, tailStart + at);
  }
  const start = await readerAt(source, 0, Math.min(4, source.length));
  throw new UserError(
    source.length >= 4 && start.u32() === LOCAL_HEADER
      ? `${source.name}: is cut short (a zip archive without its end); copy or download it again`
      : `${source.name}: is not a zip archive, as torch.save has written them since PyTorch 1.6`,
  );
}

async function findZip64Directory(
  source: ByteSource,
  endRecord: number,
): Promise<{ count: number; position: number; length: number }> {
  const locator = await readerAt(source, endRecord - ZIP64_LOCATOR_BYTES, ZIP64_LOCATOR_BYTES);
  const isLocator = locator.u32() === ZIP64_LOCATOR;
  locator.skip(4);
  const record = await readerAt(source, locator.u64(), ZIP64_END_RECORD_BYTES);
  if (!isLocator || record.u32() !== ZIP64_END_RECORD) {
    throw new UserError(`${source.name}: its zip64 directory is damaged`);
  }
  record.skip(28);
  const count = record.u64();
  const length = record.u64();
  return { count, length, position: record.u64() };
}

function readCentralHeader(input: ByteReader): ZipEntry {
  if (input.u32() !== CENTRAL_HEADER) {
    throw new UserError(`${input.source}: its zip directory is damaged`);
  }
  input.skip(6);
  const method = input.u16();
  input.skip(4);
  const checksum = input.u32();
  const compressedSize = input.u32();
  let size = input.u32();
  const [nameLength, extraLength, commentLength] = [input.u16(), input.u16(), input.u16()];
  input.skip(8);
  let headerPosition = input.u32();
  const name = input.text(nameLength);
  const extra = new ByteReader(input.take(extraLength), input.source);
  input.skip(commentLength);
  while (extra.position + 4 <= extraLength) {
    const [id, length] = [extra.u16(), extra.u16()];
    const field = new ByteReader(extra.take(length), input.source);
    if (id !== ZIP64_EXTRA) continue;
    // Only the fields that did not fit are here, in this order.
    if (size === IN_ZIP64) size = field.u64();
    if (compressedSize === IN_ZIP64) field.skip(8);
    if (headerPosition === IN_ZIP64) headerPosition = field.u64();
  }
  return { name, size, checksum, headerPosition, isStored: method === 0 };
}

/** Finds where a stored entry's bytes start: behind its local header, whose length varies. */
export async function findZipData(source: ByteSource, entry: ZipEntry): Promise<number> {
  const header = await readerAt(source, entry.headerPosition, LOCAL_HEADER_BYTES);
  const isHeader = header.u32() === LOCAL_HEADER;
  header.skip(22);
  const position = entry.headerPosition + LOCAL_HEADER_BYTES + header.u16() + header.u16();
  if (!isHeader || position + entry.size > source.length) {
    throw new UserError(`${source.name}: its entry ${quote(entry.name)} is damaged`);
  }
  return position;
}
