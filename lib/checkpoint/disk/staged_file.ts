import { dirname, join } from "@std/path";
import { UserError } from "../../errors.ts";
import { reasonOf } from "../byte_reader.ts";

/** What the names of files end in that are not whole yet. */
const TEMPORARY = ".tmp";

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
    const temporaryPath = temporaryPathOf(path);
    return reportWriteErrors(path, async () => {
      const file = await Deno.open(temporaryPath, { write: true, createNew: true });
      return new StagedFile(path, temporaryPath, file);
    });
  }

  /** Writes the whole file that will be `path`; of one that fails nothing stays. */
  static async written(
    path: string,
    write: (file: StagedFile) => Promise<void>,
  ): Promise<StagedFile> {
    const file = await StagedFile.create(path);
    try {
      await write(file);
      await file.finish();
      return file;
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Appends all of `bytes`. */
  write(bytes: Uint8Array): Promise<void> {
    return reportWriteErrors(this.path, async () => {
      for (let done = 0; done < bytes.length;) done += await this.file.write(bytes.subarray(done));
      this.position += bytes.length;
    });
  }

  /** Replaces bytes that were written. */
  overwrite(position: number, bytes: Uint8Array): Promise<void> {
    return reportWriteErrors(this.path, async () => {
      await this.file.seek(position, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) done += await this.file.write(bytes.subarray(done));
      await this.file.seek(0, Deno.SeekMode.End);
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

  /** When it was last written, which renaming does not change. */
  async modified(): Promise<Date | null> {
    return (await Deno.stat(this.#isCommitted ? this.path : this.temporaryPath)).mtime;
  }

  /** Puts the file in its place, over one that was there. */
  async commit(): Promise<void> {
    await this.finish();
    await reportWriteErrors(this.path, () => Deno.rename(this.temporaryPath, this.path));
    this.#isCommitted = true;
    await syncDirectory(dirname(this.path));
  }

  /** Removes the temporary file if it was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOpen) this.file.close();
    this.#isOpen = false;
    // A failure here would hide the one that brought us here.
    if (!this.#isCommitted) await Deno.remove(this.temporaryPath).catch(() => {});
  }
}

/** What the system refused to write: a full disk, no rights. */
export class WriteError extends UserError {}

/** Runs a file operation; what the system refuses is a {@linkcode WriteError} of the path. */
export async function reportWriteErrors<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw new WriteError(`${path}: cannot be written: ${reasonOf(error)}`, { cause: error });
  }
}

/** A name beside a path, of a file that is not whole yet. */
export function temporaryPathOf(path: string): string {
  return `${path}.${crypto.randomUUID().slice(0, 8)}${TEMPORARY}`;
}

/** Removes a file if it is there. */
export function removeIfThere(path: string): Promise<void> {
  return reportWriteErrors(path, async () => {
    try {
      await Deno.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  });
}

/** Makes sure that a directory's new names outlast a power cut, on systems that can. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    using handle = await Deno.open(directory);
    await handle.sync();
  } catch {
    // Windows, and some disks of a network, open no directories; the files themselves are safe.
  }
}

/** The names that checkpoints and logs are written under before they are whole. */
const OWN_TEMPORARY_FILES =
  /^(?:(?:step|model|meta|optim)_\d+[\w.]*|metrics[\w.]*)\.(?:pt|json|jsonl)(?:\.[\da-f]{8})?\.tmp$/;

/**
 * Removes the temporary files that processes left in a directory when they were killed. Nobody may
 * be writing there.
 *
 * @returns The bytes that they took.
 * @throws {UserError} if one cannot be removed.
 */
export async function sweepTemporaryFiles(directory: string): Promise<number> {
  const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
  let bytes = 0;
  for (
    const path of names.filter((n) => OWN_TEMPORARY_FILES.test(n)).map((n) => join(directory, n))
  ) {
    bytes += (await Deno.stat(path).catch(() => undefined))?.size ?? 0;
    await removeIfThere(path);
  }
  return bytes;
}
