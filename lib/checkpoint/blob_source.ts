import { UserError } from "../errors.ts";
import { reasonOf } from "./byte_reader.ts";
import { type ByteSource, endsTooEarly } from "./byte_source.ts";

/**
 * The bytes of a `Blob`: a file that a person chose in a browser, or one of a folder that they
 * opened.
 */
export class BlobSource implements ByteSource {
  /**
   * Names a `Blob`.
   *
   * @param name What error messages call it, such as a `File`'s own name.
   */
  constructor(readonly name: string, private readonly blob: Blob) {}

  /** Total bytes. */
  get length(): number {
    return this.blob.size;
  }

  /**
   * Fills `into` with the bytes at `position`.
   *
   * @throws {UserError} if they are not all there, or cannot be read: the file behind it was moved
   * or changed.
   */
  async readAt(position: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    let bytes: ArrayBuffer;
    try {
      bytes = await this.blob.slice(position, position + into.length).arrayBuffer();
    } catch (error) {
      throw new UserError(`${this.name}: cannot be read: ${reasonOf(error)}; choose it again`);
    }
    if (bytes.byteLength < into.length) throw endsTooEarly(this.name);
    into.set(new Uint8Array(bytes));
  }

  /** Does nothing: a `Blob` is not closed. */
  [Symbol.dispose](): void {}
}
