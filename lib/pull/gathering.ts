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
   * Fetches a file.
   *
   * @param name What it is called in the folder; a name made of its path unless given.
   * @returns Where it lies.
   */
  async fetch(file: RepositoryFile, name: string = encodeURIComponent(file.path)): Promise<string> {
    await Deno.mkdir(this.folder, { recursive: true });
    const path = join(this.folder, name);
    await this.hub.download(file.url, path, labelOf(this.repository, file), file);
    await finishDownload(path);
    return path;
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
