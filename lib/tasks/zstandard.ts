/**
 * Unpacking Zstandard (RFC 8878). Deno's own decompressor takes the first frame for the whole file,
 * and a file that was cut for a whole one, so frames are told apart here.
 */

import { constants, zstdDecompressSync } from "node:zlib";
import { UserError } from "../errors.ts";

const MAGIC = 0xfd2fb528;
/** Skippable frames begin with one of sixteen numbers. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** Bytes of a dictionary's id and of the content's size, by what the header says of each. */
const DICTIONARY_BYTES = [0, 1, 2, 4], SIZE_BYTES = [0, 2, 4, 8];
const LARGEST_BLOCK = 1 << 17;
/** The largest window that files are written with, `zstd --long=31`, as a power of two. */
const LARGEST_WINDOW_LOG = 31;
/** Bytes of a frame when unpacked, at most; it is unpacked in one piece. */
const LARGEST_FRAME = 2 ** 31 - 1;
/** Bytes that are handed on at once. */
const PIECE = 1 << 20;

/** Whether a file that begins so is of Zstandard. */
export function isZstandard(head: Uint8Array): boolean {
  return head.length >= 4 && (isMagic(uint32(head)) || isSkippable(uint32(head)));
}

const isMagic = (value: number) => value === MAGIC;
const isSkippable = (value: number) => (value & ~15) >>> 0 === SKIPPABLE_MAGIC;

function uint32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/**
 * The content of all frames of a Zstandard file.
 *
 * @throws {UserError} If the file is damaged or cut off.
 */
export async function* unpackZstandard(
  packed: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const input = new FrameInput(packed);
  try {
    while (await input.hasMore()) {
      const frame = await readFrame(input);
      if (frame === undefined) continue;
      const content = unpackFrame(frame);
      for (let at = 0; at < content.length; at += PIECE) yield content.subarray(at, at + PIECE);
    }
  } finally {
    await input.cancel();
  }
}

/** The bytes of the next frame; undefined if it is to be skipped. */
async function readFrame(input: FrameInput): Promise<Uint8Array | undefined> {
  const magic = uint32(await input.take(4));
  if (isSkippable(magic)) {
    await input.skip(uint32(await input.take(4)));
    input.frame();
    return undefined;
  }
  if (!isMagic(magic)) throw damaged("no frame begins where one ended");
  const [descriptor] = await input.take(1);
  const isSingle = (descriptor & 0x20) !== 0, hasChecksum = (descriptor & 0x04) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 && isSingle ? 1 : SIZE_BYTES[sizeFlag];
  await input.take((isSingle ? 0 : 1) + DICTIONARY_BYTES[descriptor & 3] + sizeBytes);
  for (let isLast = false; !isLast;) {
    const [low, middle, high] = await input.take(3);
    const header = low | middle << 8 | high << 16;
    isLast = (header & 1) === 1;
    const type = header >> 1 & 3, size = header >> 3;
    if (type === 3 || size > LARGEST_BLOCK) throw damaged("a block has no valid header");
    await input.take(type === 1 ? 1 : size); // one byte stands for a run of it
  }
  if (hasChecksum) await input.take(4);
  return input.frame();
}

function unpackFrame(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  try {
    return zstdDecompressSync(frame, {
      maxOutputLength: LARGEST_FRAME,
      params: { [constants.ZSTD_d_windowLogMax]: LARGEST_WINDOW_LOG },
    }) as Uint8Array<ArrayBuffer>;
  } catch (error) {
    if (error instanceof RangeError) {
      throw new UserError("the Zstandard data is more than 2 GB in one frame; unpack the file");
    }
    throw damaged((error as Error).message.replace("Zstd decompress error: ", ""));
  }
}

function damaged(fault: string): UserError {
  return new UserError(`the Zstandard data is damaged: ${fault}`);
}

/** Bytes that come in pieces, kept until the frame is whole. */
class FrameInput {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** What has come and was not taken. */
  #rest: Uint8Array = new Uint8Array();
  #taken: Uint8Array[] = [];

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** Whether there are more bytes. */
  async hasMore(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return false;
      this.#rest = value;
    }
    return true;
  }

  /** The next bytes, which become part of the frame. */
  async take(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    let at = 0;
    await this.#next(count, (piece) => {
      bytes.set(piece, at);
      at += piece.length;
    });
    this.#taken.push(bytes);
    return bytes;
  }

  /** Passes bytes over. */
  async skip(count: number): Promise<void> {
    await this.#next(count, () => {});
  }

  /** All that was taken since the last frame. */
  frame(): Uint8Array {
    const frame = new Uint8Array(this.#taken.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const bytes of this.#taken) {
      frame.set(bytes, at);
      at += bytes.length;
    }
    this.#taken = [];
    return frame;
  }

  /** Gives the stream up. */
  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }

  async #next(count: number, use: (piece: Uint8Array) => void): Promise<void> {
    while (count > 0) {
      if (!await this.hasMore()) {
        throw new UserError("the Zstandard data is cut off: it ends in the middle of a frame");
      }
      const piece = this.#rest.subarray(0, count);
      this.#rest = this.#rest.subarray(piece.length);
      count -= piece.length;
      use(piece);
    }
  }
}
