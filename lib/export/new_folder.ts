/**
 * A folder that appears whole or not at all: filled under a temporary name beside its place, then
 * renamed. Disposed of before that, it leaves nothing behind.
 */
import { basename, dirname, join, resolve } from "@std/path";
import { WriteError } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import { checkFits } from "../training/mod.ts";

/** The folder while it is filled. */
export class NewFolder implements AsyncDisposable {
  #isCommitted = false;

  private constructor(
    /** Where it is going to be. */
    readonly path: string,
    /** Where it is filled. */
    readonly temporaryPath: string,
    /** The folders above that were made for it, the innermost first. */
    private readonly made: readonly string[],
  ) {}

  /**
   * Begins the folder that will be `path`.
   *
   * @param bytes What it is going to take on the disk.
   * @throws {UserError} if something is there already, or the disk has no room.
   */
  static async create(path: string, bytes: number): Promise<NewFolder> {
    const place = resolve(path);
    await checkIsFree(path, place);
    // Hidden: what looks for models passes it over.
    const name = `.${basename(place)}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    const temporaryPath = join(dirname(place), name);
    const made = await missingFolders(dirname(place));
    try {
      await Deno.mkdir(temporaryPath, { recursive: true });
    } catch (error) {
      throw new WriteError(`${path}: cannot be written: ${(error as Error).message}`);
    }
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(new NewFolder(place, temporaryPath, made));
    await checkFits([{ directory: temporaryPath, bytes, name: path }]);
    stack.move();
    return folder;
  }

  /** Path of a file in it while it is filled. */
  file(...names: string[]): string {
    return join(this.temporaryPath, ...names);
  }

  /** Writes a small file. */
  async write(name: string, text: string): Promise<void> {
    try {
      await Deno.writeTextFile(this.file(name), text);
    } catch (error) {
      throw new WriteError(
        `${join(this.path, name)}: cannot be written: ${(error as Error).message}`,
      );
    }
  }

  /** Puts it in its place. */
  async commit(): Promise<void> {
    await checkIsFree(this.path, this.path);
    // An empty folder makes way; one that is not stays and refuses.
    await Deno.remove(this.path).catch(() => {});
    try {
      await Deno.rename(this.temporaryPath, this.path);
    } catch (error) {
      throw new WriteError(`${this.path}: cannot be written: ${(error as Error).message}`);
    }
    this.#isCommitted = true;
  }

  /** Removes what was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isCommitted) return;
    await Deno.remove(this.temporaryPath, { recursive: true }).catch(() => {});
    // An empty `base_checkpoints` would look as if there were models.
    for (const folder of this.made) await Deno.remove(folder).catch(() => {});
  }
}

/** The folders that a path lacks, the innermost first. */
async function missingFolders(path: string): Promise<string[]> {
  const missing: string[] = [];
  let folder = path;
  while (!await Deno.lstat(folder).then(() => true, () => false) && dirname(folder) !== folder) {
    missing.push(folder);
    folder = dirname(folder);
  }
  return missing;
}

/** Refuses a path at which there is anything but an empty folder. */
async function checkIsFree(path: string, place: string): Promise<void> {
  const info = await Deno.lstat(place).catch(() => undefined);
  if (info === undefined) return;
  if (!info.isDirectory) throw new UserError(`${path}: is there already, and is no folder`);
  for await (const { name } of Deno.readDir(place)) {
    throw new UserError(
      `${path}: is there already and holds ${JSON.stringify(name)}; name a new or an empty folder`,
    );
  }
}
