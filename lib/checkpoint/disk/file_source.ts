import { UserError } from "../../errors.ts";
import { reasonOf } from "../byte_reader.ts";
import { type ByteSource, endsTooEarly } from "../byte_source.ts";

/** An open file. Reads may overlap in time; each takes its turn at the file's cursor. */
export class FileSource implements ByteSource {
  #turn: Promise<void> = Promise.resolve();

  private constructor(
    /** The path it was opened with. */
    readonly name: string,
    /** Total bytes. */
    readonly length: number,
    private readonly file: Deno.FsFile,
  ) {}

  /**
   * Opens a file for reading.
   *
   * @throws {UserError} if it is missing, may not be read, or is no file.
   */
  static async open(path: string): Promise<FileSource> {
    const source = await FileSource.openIfThere(path);
    if (source === undefined) throw new UserError(`${path}: no such file`);
    return source;
  }

  /**
   * Opens a file for reading; undefined if it is missing.
   *
   * @throws {UserError} if it may not be read, or is no file.
   */
  static async openIfThere(path: string): Promise<FileSource | undefined> {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw new UserError(`${path}: cannot be read: ${reasonOf(error)}`, { cause: error });
    }
    const { isFile, size } = await file.stat();
    if (isFile) return new FileSource(path, size, file);
    file.close();
    throw new UserError(`${path}: is not a file`);
  }

  /**
   * Fills `into` with the bytes at `position`.
   *
   * @throws {UserError} if the file ends before.
   */
  readAt(position: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    const done = this.#turn.then(() => this.#read(position, into));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #read(position: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.file.seek(position, Deno.SeekMode.Start);
    for (let filled = 0; filled < into.length;) {
      const count = await this.file.read(into.subarray(filled));
      if (count === null) throw endsTooEarly(this.name);
      filled += count;
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.file.close();
  }
}
