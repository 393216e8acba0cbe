import type { ByteSource } from "./byte_source.ts";

/** A folder of files to read: on a disk, of `Blob`s, on a server, … */
export interface Folder {
  /** What error messages call it: a path or an address. */
  readonly name: string;
  /**
   * Opens a file.
   *
   * @returns Its bytes, which the caller closes; undefined if the folder has no such file.
   * @throws {UserError} if it cannot be read.
   */
  open(name: string): Promise<ByteSource | undefined>;
}

/** A folder of files to write. Each appears whole or not at all. */
export interface WritableFolder {
  /**
   * Writes a file.
   *
   * @throws {UserError} if it cannot be written.
   */
  writeBytes(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Writes what `torch.load` reads as this value, which is made of plain values and tensors.
   *
   * @throws {UserError} if it cannot be written.
   */
  writeTorch(name: string, root: unknown): Promise<void>;
}
