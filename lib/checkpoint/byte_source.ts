import { UserError } from "../errors.ts";

/** Bytes that are read by position: a file, or memory. */
export interface ByteSource {
  /** What error messages call it: the path. */
  readonly name: string;
  /** Total bytes. */
  readonly length: number;
  /** Fills `into` with the bytes at `position`. Throws a UserError if they are not all there. */
  readAt(position: number, into: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** An open file. Reads may overlap in time; each takes its turn at the file's cursor. */
export class FileSource implements ByteSource, Disposable {
  #turn: Promise<void> = Promise.resolve();

  private constructor(
    readonly name: string,
    readonly length: number,
    private readonly file: Deno.FsFile,
  ) {}

  /** Opens a file for reading; a missing or unreadable one is a UserError. */
  static async open(path: string): Promise<FileSource> {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) throw new UserError(`${path}: no such file`);
      if (error instanceof Deno.errors.PermissionDenied) {
        throw new UserError(`${path}: may not be read by this user`);
      }
      throw error;
    }
    const { isFile, size } = await file.stat();
    if (isFile) return new FileSource(path, size, file);
    file.close();
    throw new UserError(`${path}: is not a file`);
  }

  readAt(position: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    const done = this.#turn.then(() => this.#read(position, into));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #read(position: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.file.seek(position, Deno.SeekMode.Start);
    for (let filled = 0; filled < into.length;) {
      const count = await this.file.read(into.subarray(filled));
      if (count === null) throw new UserError(`${this.name}: ends too early; it is truncated`);
      filled += count;
    }
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}

/** An array that is already in memory. */
export class MemorySource implements ByteSource {
  constructor(readonly name: string, private readonly bytes: Uint8Array<ArrayBuffer>) {}

  get length(): number {
    return this.bytes.length;
  }

  readAt(position: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    into.set(this.bytes.subarray(position, position + into.length));
    return Promise.resolve();
  }
}
