import { dirname, join } from "@std/path";
import { type ConnectionOptions, finishDownload, HttpError, Hub } from "../../hub/mod.ts";
import { datasetFiles, LocalSource } from "../local_source.ts";
import {
  FETCH_LOCK,
  type ManifestFile,
  manifestOfFile,
  renewManifest,
  writeFileManifest,
  writeManifest,
} from "../manifest.ts";
import type { Rows } from "../rows.ts";
import type { DatasetSource } from "../source.ts";

/** Where the single files are that nanochat fetches from elsewhere. */
const FILES: Readonly<Record<string, string>> = {
  "words_alpha.txt":
    "https://raw.githubusercontent.com/dwyl/english-words/refs/heads/master/words_alpha.txt",
  "identity_conversations.jsonl":
    "https://karpathy-public.s3.us-west-2.amazonaws.com/identity_conversations.jsonl",
};

/** How a {@linkcode HubSource} fetches. */
export interface HubOptions extends ConnectionOptions {
  /** URLs of single files by name, where they are not the usual ones. */
  files?: Readonly<Record<string, string>>;
}

/**
 * Datasets in nanochat's base directory, fetched first where they are missing: from the parquet
 * exports of the Hugging Face hub into `task_data/{repo with -- for /}/{subset}/{split}/`, and the
 * single files into the base directory itself.
 *
 * A split is gathered in a folder named `{split}.part` and put in its place when it is whole, with
 * the manifest that nanochat writes too, and checksums that every later reading is compared with.
 * What broke off is gone on with, by range. Processes that want to fetch into one base directory
 * take turns, and nanochat's wait for what is put in its place.
 */
export class HubSource implements DatasetSource {
  readonly #baseDir: string;
  readonly #local: LocalSource;
  readonly #files: Readonly<Record<string, string>>;
  readonly #hub: Hub;

  /** Reads below `baseDir` and fetches into it. */
  constructor(baseDir: string, options: HubOptions = {}) {
    this.#baseDir = baseDir;
    this.#local = new LocalSource(baseDir, options.signal);
    this.#files = { ...FILES, ...options.files };
    this.#hub = new Hub(options);
  }

  /**
   * All rows of one split, fetched if need be.
   *
   * @throws {UserError} If they cannot be fetched, with where to place which files by hand; or if
   *   what is here is damaged.
   * @throws The signal's reason, once it is aborted.
   */
  async rows(repo: string, subset: string, split: string): Promise<Rows> {
    const folder = this.#local.folder(repo, subset, split);
    if (!await this.#local.hasRows(repo, subset, split)) {
      const page = `${this.#hub.endpoint}/datasets/${repo}/tree/refs%2Fconvert%2Fparquet`;
      const wanted = {
        name: `dataset ${repo} (${subset}, ${split})`,
        remedy: `place its .parquet, .jsonl or .jsonl.gz files in ${folder}`,
        page: `${page}/${subset}/${split}`,
      };
      await this.#hub.inTurn(this.#turns, wanted, async () => {
        if (await this.#local.hasRows(repo, subset, split)) return;
        await this.#fetchSplit(repo, subset, split, folder);
      });
    }
    // Where nothing can be written, it is read all the same.
    await renewManifest(folder).catch(() => {});
    return await this.#local.rows(repo, subset, split);
  }

  /**
   * Opens a single file, fetched if need be.
   *
   * @throws {UserError} If it cannot be fetched, with where to place it by hand; or if what is here
   *   is damaged.
   */
  async open(name: string): Promise<ReadableStream<Uint8Array>> {
    const url = this.#files[name];
    if (url !== undefined && !await this.#local.hasFile(name)) {
      const path = this.#local.path(name);
      const wanted = { name, remedy: `place it at ${path}`, page: url };
      await this.#hub.inTurn(this.#turns, wanted, async () => {
        if (await this.#local.hasFile(name)) return;
        await this.#fetchFile(name, url, path);
      });
    }
    return await this.#local.open(name);
  }

  async #fetchSplit(repo: string, subset: string, split: string, folder: string): Promise<void> {
    const urls = await this.#listParquet(repo, subset, split);
    const gathering = `${folder}.part`;
    await Deno.mkdir(gathering, { recursive: true });
    const files: ManifestFile[] = [];
    for (const [i, url] of urls.entries()) {
      // The hub's names do not sort in its order: 10.parquet comes before 2.parquet.
      const name = `${String(i).padStart(4, "0")}.parquet`;
      const label = `${repo.split("/").at(-1)} ${split} ${i + 1}/${urls.length}`;
      files.push(await this.#fetchInto(gathering, name, url, label));
    }
    using _lock = await this.#hub.lock(join(folder, FETCH_LOCK));
    if (!await this.#local.hasRows(repo, subset, split)) {
      // What nanochat began and did not finish.
      for (const name of await datasetFiles(folder)) await Deno.remove(join(folder, name));
      for (const { name } of files) await finishDownload(join(gathering, name), join(folder, name));
      await writeManifest(folder, files);
    }
    await Deno.remove(join(folder, FETCH_LOCK));
    await Deno.remove(gathering, { recursive: true });
  }

  async #fetchFile(name: string, url: string, path: string): Promise<void> {
    const file = await this.#fetchInto(dirname(path), name, url, name);
    await removeIfThere(manifestOfFile(path));
    await finishDownload(path);
    await writeFileManifest(path, file);
  }

  async #fetchInto(
    folder: string,
    name: string,
    url: string,
    label: string,
  ): Promise<ManifestFile> {
    return { name, url, ...await this.#hub.download(url, join(folder, name), label) };
  }

  /** URLs of the parquet files of a split, in order. */
  async #listParquet(repo: string, subset: string, split: string): Promise<string[]> {
    const { endpoint } = this.#hub;
    const url = `${endpoint}/api/datasets/${repo}/parquet/${subset}/${split}`;
    const list = await this.#hub.json(url);
    const isList = Array.isArray(list) && list.length > 0 &&
      list.every((item) => typeof item === "string");
    if (!isList) throw new HttpError(`${url} lists no parquet files`);
    // A mirror may list the files under the hub's own name.
    return (list as string[]).map((file) =>
      file.replace(/^https:\/\/huggingface\.co(?=\/)/, endpoint)
    );
  }

  /** The folder in which processes take turns. */
  get #turns(): string {
    return join(this.#baseDir, "task_data");
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
