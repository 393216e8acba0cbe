import { basename, join } from "@std/path";
import { UserError } from "../errors.ts";
import { readJsonlRows, readParquetRows } from "./files.ts";
import { checkManifest, FETCH_LOCK, MANIFEST, manifestOfFile } from "./manifest.ts";
import { openFile } from "./open_file.ts";
import { CompactRows, type Rows } from "./rows.ts";
import type { DatasetSource } from "./source.ts";

/**
 * Datasets that lie in nanochat's base directory: a split's files in
 * `task_data/{repo with -- for /}/{subset}/{split}/`, `.parquet` or `.jsonl`, the latter also packed
 * as `.jsonl.gz` or `.jsonl.zst`, read in the order of their names; single files in the base
 * directory itself. What was fetched has a manifest and is compared with it; what was placed there
 * by hand is read as it is. A folder that nanochat has not finished fetching into counts as empty.
 */
export class LocalSource implements DatasetSource {
  readonly #baseDir: string;
  readonly #signal?: AbortSignal;

  /**
   * Reads below `baseDir`, the base directory (nanochat's `NANOCHAT_BASE_DIR`), until the signal is
   * aborted.
   */
  constructor(baseDir: string, signal?: AbortSignal) {
    this.#baseDir = baseDir;
    this.#signal = signal;
  }

  /** The folder of a split's files. */
  folder(repo: string, subset: string, split: string): string {
    return join(this.#baseDir, "task_data", repo.replace("/", "--"), subset, split);
  }

  /** The path of a single file. */
  path(name: string): string {
    return join(this.#baseDir, name);
  }

  /**
   * Reads all rows of one split into memory, as text.
   *
   * @throws {UserError} If there are no files, one is empty or damaged, or two differ in nothing but
   *   their form, which is one file twice; says which.
   */
  async rows(repo: string, subset: string, split: string): Promise<Rows> {
    const folder = this.folder(repo, subset, split);
    const found = await datasetFiles(folder);
    if (!await this.hasRows(repo, subset, split)) {
      throw new UserError(
        `dataset ${repo} (${subset}, ${split}) is not here: ` +
          `place its .parquet, .jsonl or .jsonl.gz files in ${folder}`,
      );
    }
    const names = await checkManifest(join(folder, MANIFEST), found, this.#signal);
    await checkFiles(folder, names);
    const rows = new CompactRows(`${repo} (${subset}, ${split})`);
    for (const name of names) {
      rows.beginFile(name);
      const read = name.endsWith(".parquet") ? readParquetRows : readJsonlRows;
      await read(join(folder, name), rows, this.#signal);
    }
    return rows;
  }

  /**
   * Opens a single file of the base directory.
   *
   * @throws {UserError} If it is not there, or is not what was fetched.
   */
  async open(name: string): Promise<ReadableStream<Uint8Array>> {
    const path = this.path(name);
    if (!await exists(path)) throw new UserError(`${name} is not here: place it at ${path}`);
    await checkManifest(manifestOfFile(path), [basename(path)], this.#signal);
    return await openFile(path, this.#signal);
  }

  /** Whether there are files of a split, whole or not. */
  async hasRows(repo: string, subset: string, split: string): Promise<boolean> {
    const folder = this.folder(repo, subset, split);
    if (await exists(join(folder, MANIFEST))) return true;
    const names = await datasetFiles(folder);
    return names.length > 0 && !(names.every(isPart) && await exists(join(folder, FETCH_LOCK)));
  }

  /** Whether a single file is there, whole or not. */
  async hasFile(name: string): Promise<boolean> {
    return await exists(this.path(name));
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether a name is one of those that files are fetched under, by nanochat or here. */
function isPart(name: string): boolean {
  return /^\d{4,5}\.parquet$/.test(name);
}

/** Forms in which a dataset's file may lie there. */
const FORMS = /\.(parquet|jsonl(\.gz|\.zst)?)$/;

/** The names of a folder's files of data, in order. Hidden ones, such as macOS's `._…`, are none. */
export async function datasetFiles(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (FORMS.test(name) && !name.startsWith(".") && !isDirectory) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

/** Refuses a file that is there in two forms, whose rows would be seen twice, and an empty one. */
async function checkFiles(folder: string, names: readonly string[]): Promise<void> {
  const seen = new Map<string, string>();
  for (const name of names) {
    const stem = name.replace(FORMS, ""), twin = seen.get(stem);
    if (twin !== undefined) {
      throw new UserError(
        `${folder} has ${twin} and ${name}, the same data twice as it seems: remove one of them`,
      );
    }
    seen.set(stem, name);
    if ((await Deno.stat(join(folder, name))).size === 0) {
      throw new UserError(`${join(folder, name)} is empty: replace it, or remove it`);
    }
  }
}
