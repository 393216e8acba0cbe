import { crc32 } from "node:zlib";
import type { StagedFile } from "./staged_file.ts";
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
} from "../zip_format.ts";

/** Torch maps storages into memory, and wants them at multiples of this. */
const ALIGNMENT = 64;
/** Where in an entry's header its checksum stands. */
const CRC_IN_LOCAL_HEADER = 14;
/** The extra field that torch pads with. */
const PADDING_EXTRA = 0x4246;
/** Version of the format needed to read zip64 records: 4.5. */
const VERSION_NEEDED = 45;
/** General purpose flag: names are UTF-8. */
const UTF8_NAMES = 0x0800;
/** 1980-01-01, the earliest date a zip can hold: equal input gives equal files. */
const DOS_DATE = 0x21;

interface WrittenEntry {
  name: Uint8Array;
  crc: number;
  size: number;
  headerPosition: number;
}

/** Little-endian fields, appended one after another. */
class Fields {
  readonly bytes: number[] = [];

  u16(...values: number[]): this {
    for (const value of values) this.bytes.push(value & 0xff, (value >>> 8) & 0xff);
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) this.u16(value & 0xffff, value >>> 16);
    return this;
  }

  u64(...values: number[]): this {
    for (const value of values) this.u32(value % 2 ** 32, Math.floor(value / 2 ** 32));
    return this;
  }

  append(bytes: Iterable<number>): this {
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }
}

/**
 * Writes a zip archive of uncompressed entries whose data is aligned as torch aligns it, zip64
 * where sizes or positions need it (APPNOTE.TXT 4.3).
 */
export class ZipWriter {
  readonly #entries: WrittenEntry[] = [];

  /**
   * @param file Where to write; the archive starts at its beginning.
   * @param zip64From Sizes and positions from here on take 64 bits.
   */
  constructor(private readonly file: StagedFile, private readonly zip64From: number = IN_ZIP64) {}

  /** Adds an entry. */
  async add(name: string, data: Uint8Array): Promise<void> {
    await this.addParts(name, data.length, [data]);
  }

  /**
   * Adds an entry whose data comes in parts. Its checksum, which stands before it, is written when
   * all have come.
   *
   * @param size Bytes of all parts.
   */
  async addParts(
    name: string,
    size: number,
    parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const entry = {
      name: new TextEncoder().encode(name),
      crc: 0,
      size,
      headerPosition: this.file.position,
    };
    this.#entries.push(entry);
    const isLarge = entry.size >= this.zip64From;
    const extra = new Fields();
    if (isLarge) extra.u16(ZIP64_EXTRA, 16).u64(entry.size, entry.size);
    const unpadded = this.file.position + LOCAL_HEADER_BYTES + entry.name.length +
      extra.bytes.length + 4;
    const padding = (ALIGNMENT - unpadded % ALIGNMENT) % ALIGNMENT;
    extra.u16(PADDING_EXTRA, padding).append(new Uint8Array(padding));
    const shortSize = isLarge ? IN_ZIP64 : entry.size;
    const header = new Fields().u32(LOCAL_HEADER)
      .u16(VERSION_NEEDED, UTF8_NAMES, 0, 0, DOS_DATE)
      .u32(entry.crc, shortSize, shortSize)
      .u16(entry.name.length, extra.bytes.length)
      .append(entry.name).append(extra.bytes);
    await this.file.write(header.done());
    for await (const part of parts) {
      entry.crc = crc32(part, entry.crc);
      await this.file.write(part);
    }
    await this.file.overwrite(
      entry.headerPosition + CRC_IN_LOCAL_HEADER,
      new Fields().u32(entry.crc).done(),
    );
  }

  /** Writes the directory; the archive is complete then. */
  async finish(): Promise<void> {
    const start = this.file.position;
    for (const entry of this.#entries) await this.file.write(this.#centralHeader(entry));
    const end = this.file.position;
    const [count, length] = [this.#entries.length, end - start];
    const isLarge = count >= IN_ZIP64_SHORT || end >= this.zip64From;
    const record = new Fields();
    if (isLarge) {
      // Its length does not count the signature and the length itself.
      record.u32(ZIP64_END_RECORD).u64(ZIP64_END_RECORD_BYTES - 12)
        .u16(VERSION_NEEDED, VERSION_NEEDED).u32(0, 0)
        .u64(count, count, length, start);
      record.u32(ZIP64_LOCATOR).u32(0).u64(end).u32(1);
    }
    const shortCount = isLarge ? IN_ZIP64_SHORT : count;
    record.u32(END_RECORD).u16(0, 0, shortCount, shortCount)
      .u32(isLarge ? IN_ZIP64 : length, isLarge ? IN_ZIP64 : start).u16(0);
    await this.file.write(record.done());
  }

  #centralHeader({ name, crc, size, headerPosition }: WrittenEntry): Uint8Array {
    const isLarge = size >= this.zip64From;
    const isFar = headerPosition >= this.zip64From;
    const wide = [...isLarge ? [size, size] : [], ...isFar ? [headerPosition] : []];
    const extra = new Fields();
    if (wide.length > 0) extra.u16(ZIP64_EXTRA, 8 * wide.length).u64(...wide);
    const shortSize = isLarge ? IN_ZIP64 : size;
    return new Fields().u32(CENTRAL_HEADER)
      .u16(VERSION_NEEDED, VERSION_NEEDED, UTF8_NAMES, 0, 0, DOS_DATE)
      .u32(crc, shortSize, shortSize)
      .u16(name.length, extra.bytes.length, 0, 0, 0).u32(0)
      .u32(isFar ? IN_ZIP64 : headerPosition)
      .append(name).append(extra.bytes).done();
  }
}
