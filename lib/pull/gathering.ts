import { join } from "@std/path";
import { finishDownload, type Hub, type RepositoryFile } from "../hub/mod.ts";

/**
 * A folder for the small files of a repository, which decide where the large ones go. What broke off
 * is gone on with; it is removed when everything has its place.
 */
export class Gathering {
  /** Names the folder; it is made when the first file comes. */
  constructor(
    private readonly hub: Hub,
    /** The repository's name. */
    private readonly repository: string,
    /** The folder's path. */
    readonly folder: string,
  ) {}

  /**
   * Fetches a file, unless it came whole before.
   *
   * @param name What it is called in the folder; a name made of its path unless given.
   * @returns Where it lies.
   */
  async fetch(file: RepositoryFile, name: string = encodeURIComponent(file.path)): Promise<string> {
    await Deno.mkdir(this.folder, { recursive: true });
    const path = join(this.folder, name);
    if (await this.#has(path, file)) return path;
    await this.hub.download(file.url, path, labelOf(this.repository, file), file);
    await finishDownload(path);
    return path;
  }

  /** Whether a file came before; one that has no checksum may be of another version. */
  async #has(path: string, file: RepositoryFile): Promise<boolean> {
    if (file.sha256 === undefined && file.blobId === undefined) return false;
    const isThere = await Deno.stat(path).then(() => true, () => false);
    return isThere && await this.hub.isExpected(path, file);
  }

  /** Bytes that are still to come of files that are fetched under their own names. */
  async missingBytes(files: readonly RepositoryFile[]): Promise<number> {
    let bytes = 0;
    for (const { path, size = 0 } of files) {
      const place = join(this.folder, path);
      const info = await Deno.stat(place).catch(() => Deno.stat(`${place}.part`))
        .catch(() => undefined);
      bytes += Math.max(0, size - (info?.size ?? 0));
    }
    return bytes;
  }

  /** Removes the folder, if it was made. */
  async remove(): Promise<void> {
    try {
      await Deno.remove(this.folder, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** What progress calls a file: `nanochat-d32 model_000650.pt`. */
export function labelOf(repository: string, { path }: RepositoryFile): string {
  return `${repository.split("/").at(-1)} ${path.split("/").at(-1)}`;
}
