import { UserError } from "../errors.ts";

/**
 * Bytes that are read by position: a file, a `Blob`, a file on a server, or memory. Whoever is
 * given one to open a file with closes it.
 */
export interface ByteSource extends Disposable {
  /** What error messages call it: a path or an address. */
  readonly name: string;
  /** Total bytes. */
  readonly length: number;
  /**
   * Fills `into` with the bytes at `position`. Reads may overlap in time.
   *
   * @throws {UserError} if they are not all there, or cannot be read.
   */
  readAt(position: number, into: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** An array that is already in memory. */
export class MemorySource implements ByteSource {
  /** Names an array. */
  constructor(readonly name: string, private readonly bytes: Uint8Array<ArrayBuffer>) {}

  /** Total bytes. */
  get length(): number {
    return this.bytes.length;
  }

  /**
   * Copies bytes.
   *
   * @throws {UserError} if they are not all there.
   */
  readAt(position: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = this.bytes.subarray(position, position + into.length);
    if (bytes.length < into.length) return Promise.reject(endsTooEarly(this.name));
    into.set(bytes);
    return Promise.resolve();
  }

  /** Does nothing. */
  [Symbol.dispose](): void {}
}

/** All bytes of a source. */
export async function readAll(source: ByteSource): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(source.length);
  await source.readAt(0, bytes);
  return bytes;
}

/** What a source says when it ends before its length. */
export function endsTooEarly(name: string): UserError {
  return new UserError(`${name}: ends too early; it is truncated`);
}
