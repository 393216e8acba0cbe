import { UserError } from "../errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Shows text taken from a file inside an error message: quoted, shortened, and without control
 * characters that a hostile file could send to the terminal.
 */
export function quote(text: string): string {
  const short = text.length > 80 ? text.slice(0, 80) + "…" : text;
  return JSON.stringify(short).replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, "?");
}

/** Says what went wrong, for messages that pass on another error's reason. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * A cursor over bytes that never reads past the end: every read that would do so throws a
 * {@linkcode UserError} naming the source and the position. Integers are little-endian.
 */
export class ByteReader {
  /** Index of the next byte to read. */
  position = 0;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array, readonly source: string) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves past `count` bytes and returns where they start. */
  skip(count: number): number {
    const start = this.position;
    if (!(count <= this.bytes.length - start)) {
      throw new UserError(
        `${this.source}: ends too early (${count} bytes wanted at byte ${start} of ${this.bytes.length}); the file is truncated or damaged`,
      );
    }
    this.position = start + count;
    return start;
  }

  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** A 64-bit length or offset; above 2^53 it is inexact, which no real file reaches. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.skip(8), true));
  }

  /** A float64 in big-endian order, as pickles hold it. */
  f64BigEndian(): number {
    return this.#view.getFloat64(this.skip(8), false);
  }

  /** A copy of the next `count` bytes. */
  take(count: number): Uint8Array<ArrayBuffer> {
    const start = this.skip(count);
    return this.bytes.slice(start, start + count) as Uint8Array<ArrayBuffer>;
  }

  /** The next `count` bytes as UTF-8 text. */
  text(count: number): string {
    const start = this.skip(count);
    try {
      return utf8.decode(this.bytes.subarray(start, start + count));
    } catch {
      throw new UserError(`${this.source}: broken UTF-8 text at byte ${start}`);
    }
  }

  /** Latin-1 text up to the next newline, which is passed over. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    // Without a newline, ask for one byte too many: the same complaint as any early end.
    if (end < 0) this.skip(this.bytes.length - this.position + 1);
    let text = "";
    while (this.position < end) text += String.fromCharCode(this.u8());
    this.position++;
    return text;
  }
}
