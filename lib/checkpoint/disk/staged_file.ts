import { UserError } from "../../errors.ts";
import { reasonOf } from "../byte_reader.ts";

/**
 * A file that appears whole or not at all: written under a temporary name beside its place,
 * flushed to the disk, then renamed. Disposed of without {@linkcode StagedFile.commit}, it leaves
 * nothing behind.
 */
export class StagedFile implements AsyncDisposable {
  /** Bytes written so far. */
  position = 0;
  #isOpen = true;
  #isCommitted = false;

  private constructor(
    readonly path: string,
    private readonly temporaryPath: string,
    private readonly file: Deno.FsFile,
  ) {}

  /** Starts the file that will be `path`. Its directory must exist. */
  static create(path: string): Promise<StagedFile> {
    const temporaryPath = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    return reportWriteErrors(path, async () => {
      const file = await Deno.open(temporaryPath, { write: true, createNew: true });
      return new StagedFile(path, temporaryPath, file);
    });
  }

  /** Appends all of `bytes`. */
  write(bytes: Uint8Array): Promise<void> {
    return reportWriteErrors(this.path, async () => {
      for (let done = 0; done < bytes.length;) done += await this.file.write(bytes.subarray(done));
      this.position += bytes.length;
    });
  }

  /** Makes sure that the bytes are on the disk, and ends writing. */
  finish(): Promise<void> {
    return reportWriteErrors(this.path, async () => {
      if (!this.#isOpen) return;
      await this.file.sync();
      this.file.close();
      this.#isOpen = false;
    });
  }

  /** Puts the file in its place, over one that was there. */
  async commit(): Promise<void> {
    await this.finish();
    await reportWriteErrors(this.path, () => Deno.rename(this.temporaryPath, this.path));
    this.#isCommitted = true;
  }

  /** Removes the temporary file if it was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOpen) this.file.close();
    this.#isOpen = false;
    // A failure here would hide the one that brought us here.
    if (!this.#isCommitted) await Deno.remove(this.temporaryPath).catch(() => {});
  }
}

/** Runs a file operation; what the system refuses (a full disk, no rights) is a UserError. */
export async function reportWriteErrors<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw new UserError(`${path}: cannot be written: ${reasonOf(error)}`);
  }
}
