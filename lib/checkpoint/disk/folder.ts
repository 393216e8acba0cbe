import { join } from "@std/path";
import type { ByteSource } from "../byte_source.ts";
import type { Folder, WritableFolder } from "../folder.ts";
import { FileSource } from "./file_source.ts";
import { reportWriteErrors, StagedFile } from "./staged_file.ts";
import { writeTorchFile } from "./torch_writer.ts";

/**
 * A folder on a disk, which is made when the first file is written.
 *
 * @example
 * ```ts
 * import { DiskFolder } from "@nanochat/sft/checkpoint/disk";
 * import { Tokenizer, trainTokenizer } from "@nanochat/sft/tokenizer";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = new DiskFolder(await Deno.makeTempDir());
 * await (await trainTokenizer(["hello world"], { vocabSize: 270 })).save(folder);
 * assertEquals((await Tokenizer.load(folder)).vocabSize, 270);
 * ```
 */
export class DiskFolder implements Folder, WritableFolder {
  /**
   * Names a folder; nothing is read.
   *
   * @param name Its path.
   */
  constructor(readonly name: string) {}

  /**
   * Opens a file.
   *
   * @returns Its bytes, which the caller closes; undefined if the folder has no such file.
   * @throws {UserError} if it may not be read, or is no file.
   */
  open(name: string): Promise<ByteSource | undefined> {
    return FileSource.openIfThere(join(this.name, name));
  }

  /**
   * Writes a file; it appears whole or not at all.
   *
   * @throws {UserError} if it cannot be written.
   */
  async writeBytes(name: string, bytes: Uint8Array): Promise<void> {
    await using file = await StagedFile.create(await this.#makeRoomFor(name));
    await file.write(bytes);
    await file.commit();
  }

  /**
   * Writes a file as {@linkcode writeTorchFile} does.
   *
   * @throws {UserError} if it cannot be written.
   */
  async writeTorch(name: string, root: unknown): Promise<void> {
    await writeTorchFile(await this.#makeRoomFor(name), root);
  }

  async #makeRoomFor(name: string): Promise<string> {
    await reportWriteErrors(this.name, () => Deno.mkdir(this.name, { recursive: true }));
    return join(this.name, name);
  }
}
