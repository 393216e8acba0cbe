import { UserError } from "../errors.ts";
import { quote } from "./byte_reader.ts";
import type { ByteSource } from "./byte_source.ts";
import { crc32 } from "./crc32.ts";
import { findZipData, type ZipEntry } from "./zip_directory.ts";

/**
 * The bytes of an entry that lies in an archive as it is. Who reads it from its beginning to its
 * end, in however many pieces, has its checksum compared.
 */
export class ZipEntrySource implements ByteSource {
  /** Total bytes. */
  readonly length: number;
  #dataStart: Promise<number> | undefined;
  /** Bytes that were read one after another from the beginning, and their checksum. */
  #summed = { length: 0, crc: 0 };

  /** Names an entry; nothing is read. Closing the archive is left to who opened it. */
  constructor(private readonly archive: ByteSource, private readonly entry: ZipEntry) {
    this.length = entry.size;
  }

  /** What error messages call it: the archive. */
  get name(): string {
    return this.archive.name;
  }

  /**
   * Fills `into` with the bytes at `position`.
   *
   * @throws {UserError} if they are not all there, or the entry's bytes are not those its checksum
   * was taken of.
   */
  async readAt(position: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#dataStart ??= findZipData(this.archive, this.entry);
    await this.archive.readAt(await this.#dataStart + position, into);
    if (position === 0) this.#summed = { length: 0, crc: 0 };
    if (position !== this.#summed.length) return;
    const length = position + into.length;
    const crc = crc32(into, this.#summed.crc);
    this.#summed = { length, crc };
    const { checksum, name } = this.entry;
    // Torch can be told to take none, and writes 0 then.
    if (length < this.length || crc === checksum || checksum === 0) return;
    throw new UserError(
      `${this.name}: its entry ${quote(name)} is damaged (its checksum is another); ` +
        "copy or download the file again",
    );
  }

  /** Does nothing: the archive stays open. */
  [Symbol.dispose](): void {}
}
