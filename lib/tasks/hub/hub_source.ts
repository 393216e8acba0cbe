import { dirname, join } from "@std/path";
import { UserError } from "../../errors.ts";
import { LocalSource } from "../local_source.ts";
import { MANIFEST, type ManifestFile, manifestOfFile, writeManifest } from "../manifest.ts";
import type { Rows } from "../rows.ts";
import type { DatasetSource } from "../source.ts";
import { download, finishDownload, type StartProgress } from "./download.ts";
import { HttpClient, HttpError, StatusError, TransientError } from "./http.ts";

const HUB = "https://huggingface.co";
/** Where the single files are that nanochat fetches from elsewhere. */
const FILES: Readonly<Record<string, string>> = {
  "words_alpha.txt":
    "https://raw.githubusercontent.com/dwyl/english-words/refs/heads/master/words_alpha.txt",
  "identity_conversations.jsonl":
    "https://karpathy-public.s3.us-west-2.amazonaws.com/identity_conversations.jsonl",
};
/** Milliseconds between two looks at whether another process has finished fetching. */
const LOCK_INTERVAL = 1000;

/** How a {@linkcode HubSource} fetches. */
export interface HubOptions {
  /** The hub, such as a mirror; `https://huggingface.co` unless given. */
  endpoint?: string;
  /** An access token, sent to the hub alone. */
  token?: string;
  /** URLs of single files by name, where they are not the usual ones. */
  files?: Readonly<Record<string, string>>;
  /** Aborted to stop; what was fetched so far is kept and gone on with next time. */
  signal?: AbortSignal;
  /** Begins to show how far a download is; nothing is shown unless given. */
  progress?: StartProgress;
  /** Told in a line why something is waited for. */
  note?(line: string): void;
  /** Waits; a timer unless given. */
  sleep?(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Milliseconds without a byte after which a connection counts as dropped; 60000 unless given. */
  stallTimeout?: number;
}

/** What is to be fetched, in words for errors. */
interface Wanted {
  /** What it is, such as `dataset openai/gsm8k (main, train)`. */
  name: string;
  /** What a person can do instead: `place its … in …`. */
  remedy: string;
  /** Where a person finds it. */
  page: string;
}

/**
 * Datasets in nanochat's base directory, fetched first where they are missing: from the parquet
 * exports of the Hugging Face hub into `task_data/{repo with -- for /}/{subset}/{split}/`, and the
 * single files into the base directory itself.
 *
 * A split is gathered in a folder named `{split}.part` and gets its own name when it is whole, with
 * a manifest of sizes and checksums that every later reading is compared with. What broke off is
 * gone on with, by range. Processes that want to fetch into one base directory take turns.
 */
export class HubSource implements DatasetSource {
  readonly #baseDir: string;
  readonly #local: LocalSource;
  readonly #endpoint: string;
  readonly #options: HubOptions;
  readonly #http: HttpClient;

  /** Reads below `baseDir` and fetches into it. */
  constructor(baseDir: string, options: HubOptions = {}) {
    this.#baseDir = baseDir;
    this.#local = new LocalSource(baseDir, options.signal);
    this.#endpoint = (options.endpoint ?? HUB).replace(/\/+$/, "");
    this.#options = options;
    this.#http = new HttpClient({ ...options, tokenOrigin: this.#endpoint });
  }

  /**
   * All rows of one split, fetched if need be.
   *
   * @throws {UserError} If they cannot be fetched, with where to place which files by hand; or if
   *   what is here is damaged.
   * @throws The signal's reason, once it is aborted.
   */
  async rows(repo: string, subset: string, split: string): Promise<Rows> {
    if (!await this.#local.hasRows(repo, subset, split)) {
      const folder = this.#local.folder(repo, subset, split);
      const page = `${this.#endpoint}/datasets/${repo}/tree/refs%2Fconvert%2Fparquet`;
      const wanted = {
        name: `dataset ${repo} (${subset}, ${split})`,
        remedy: `place its .parquet, .jsonl or .jsonl.gz files in ${folder}`,
        page: `${page}/${subset}/${split}`,
      };
      await this.#inTurn(wanted, async () => {
        if (await this.#local.hasRows(repo, subset, split)) return;
        await this.#fetchSplit(repo, subset, split, folder);
      });
    }
    return await this.#local.rows(repo, subset, split);
  }

  /**
   * Opens a single file, fetched if need be.
   *
   * @throws {UserError} If it cannot be fetched, with where to place it by hand; or if what is here
   *   is damaged.
   */
  async open(name: string): Promise<ReadableStream<Uint8Array>> {
    const url = this.#options.files?.[name] ?? FILES[name];
    if (url !== undefined && !await this.#local.hasFile(name)) {
      const path = this.#local.path(name);
      const wanted = { name, remedy: `place it at ${path}`, page: url };
      await this.#inTurn(wanted, async () => {
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
    for (const { name } of files) await finishDownload(join(gathering, name));
    await writeManifest(join(gathering, MANIFEST), files);
    await removeIfThere(folder);
    await Deno.rename(gathering, folder);
  }

  async #fetchFile(name: string, url: string, path: string): Promise<void> {
    const file = await this.#fetchInto(dirname(path), name, url, name);
    await removeIfThere(manifestOfFile(path));
    await finishDownload(path);
    await writeManifest(manifestOfFile(path), [file]);
  }

  async #fetchInto(
    folder: string,
    name: string,
    url: string,
    label: string,
  ): Promise<ManifestFile> {
    const { progress = () => ({ update() {}, finish() {} }) } = this.#options;
    const start = (total: number | undefined, start: number) => progress(label, total, start);
    return { name, url, ...await download(this.#http, url, join(folder, name), start) };
  }

  /** URLs of the parquet files of a split, in order. */
  async #listParquet(repo: string, subset: string, split: string): Promise<string[]> {
    const url = `${this.#endpoint}/api/datasets/${repo}/parquet/${subset}/${split}`;
    const list = await this.#http.retry(async () => {
      const decoder = new TextDecoder();
      let text = "";
      const { chunks } = await this.#http.get(url);
      for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
      try {
        return JSON.parse(text);
      } catch {
        throw new TransientError(`${url} did not answer with JSON`);
      }
    });
    const isList = Array.isArray(list) && list.length > 0 &&
      list.every((item) => typeof item === "string");
    if (!isList) throw new HttpError(`${url} lists no parquet files`);
    // A mirror may list the files under the hub's own name.
    return (list as string[]).map((file) =>
      file.replace(/^https:\/\/huggingface\.co(?=\/)/, this.#endpoint)
    );
  }

  /** Does something while no other process fetches, and words its errors. */
  async #inTurn(wanted: Wanted, action: () => Promise<void>): Promise<void> {
    try {
      const folder = join(this.#baseDir, "task_data");
      await Deno.mkdir(folder, { recursive: true });
      // The system lets go of the lock when the process dies.
      using lock = await Deno.open(join(folder, ".lock"), { create: true, write: true });
      for (let looks = 0; !await lock.tryLock(true); looks++) {
        if (looks === 0) this.#http.note(`waiting for another process to fetch its data`);
        await this.#http.sleep(LOCK_INTERVAL);
      }
      await action();
    } catch (error) {
      throw this.#worded(error, wanted);
    }
  }

  #worded(error: unknown, { name, remedy, page }: Wanted): unknown {
    if (error instanceof StatusError && [401, 403].includes(error.status)) {
      return new UserError(
        `cannot fetch ${name}: ${error.message}; set HF_TOKEN to a token that may read it, ` +
          `or ${remedy} yourself, from ${page}`,
      );
    }
    // The system's errors (disk full, no permission) have a code.
    const isOutside = error instanceof HttpError ||
      error instanceof Error && "code" in error && typeof error.code === "string";
    if (!isOutside) return error;
    return new UserError(
      `cannot fetch ${name}: ${(error as Error).message}; ${remedy} yourself, from ${page}`,
      { cause: error },
    );
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
