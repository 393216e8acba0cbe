/** The Hugging Face hub, or a mirror: what is asked of it, and how its refusals are told. */

import { dirname, join } from "@std/path";
import { UserError } from "../errors.ts";
import {
  download,
  type Downloaded,
  type Expected,
  isExpected,
  type StartProgress,
} from "./download.ts";
import { HttpClient, HttpError, StatusError, TransientError } from "./http.ts";

const HUB = "https://huggingface.co";
/** Milliseconds between two looks at whether another process has let go of a lock. */
const LOCK_INTERVAL = 1000;

/** How a {@linkcode Hub} is reached. */
export interface ConnectionOptions {
  /** The hub, such as a mirror; `https://huggingface.co` unless given. */
  endpoint?: string;
  /** An access token, sent to the hub alone. */
  token?: string;
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
export interface Wanted {
  /** What it is, such as `dataset openai/gsm8k (main, train)`. */
  name: string;
  /** What a person can do instead: `place its … in …`. */
  remedy: string;
  /** Where a person finds it. */
  page: string;
}

/**
 * A hub, asked in one way: with retries, in turn with other processes, its errors worded.
 *
 * @example
 * ```ts
 * import { Hub } from "@nanochat/sft/hub";
 * import { assertEquals } from "@std/assert";
 *
 * await using mirror = Deno.serve({ port: 0, onListen() {} }, () => Response.json(["d32"]));
 * const hub = new Hub({ endpoint: `http://localhost:${mirror.addr.port}` });
 * assertEquals(await hub.json(`${hub.endpoint}/models`), ["d32"]);
 * ```
 */
export class Hub {
  readonly #options: ConnectionOptions;
  readonly #http: HttpClient;

  /** Remembers how to reach it. */
  constructor(options: ConnectionOptions = {}) {
    this.#options = options;
    this.#http = new HttpClient({ ...options, tokenOrigin: options.endpoint ?? HUB });
  }

  /**
   * Its address, without a slash at the end.
   *
   * @throws {UserError} If it is none of the web; only who asks the hub needs one.
   */
  get endpoint(): string {
    const { endpoint = HUB } = this.#options;
    if (/^https?:\/\/[^/]/i.test(endpoint) && URL.canParse(endpoint)) {
      return endpoint.replace(/\/+$/, "");
    }
    const wanted = `such as ${HUB}, but is ${JSON.stringify(endpoint)}`;
    throw new UserError(`the hub's address, HF_ENDPOINT, must be one of the web, ${wanted}`);
  }

  /**
   * The JSON that the hub answers a request with.
   *
   * @param url The request's address.
   * @throws {HttpError} If there is none.
   */
  async json(url: string): Promise<unknown> {
    return await this.#http.retry(async () => {
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
  }

  /**
   * Downloads a file beside its place, see {@linkcode download}, with progress shown.
   *
   * @param url Where it is.
   * @param path Its place, which {@linkcode finishDownload} gives it.
   * @param label What the progress calls it.
   * @param expected What is known of it.
   */
  async download(
    url: string,
    path: string,
    label: string,
    expected?: Expected,
  ): Promise<Downloaded> {
    const { progress = () => ({ update() {}, finish() {} }) } = this.#options;
    const start = (total: number | undefined, start: number) => progress(label, total, start);
    return await download(this.#http, url, path, start, expected, this.#options.signal);
  }

  /**
   * Whether a file that is there is what is expected, as far as that is known.
   *
   * @throws The signal's reason, once it is aborted.
   */
  async isExpected(path: string, expected: Expected): Promise<boolean> {
    return await isExpected(path, expected, this.#options.signal);
  }

  /**
   * Does something while no other process fetches into a folder, and words its errors.
   *
   * @param folder The folder, which is made where it is missing.
   * @param wanted What is fetched.
   * @throws {UserError} If it cannot be fetched, with what to do instead.
   * @throws The signal's reason, once it is aborted.
   */
  async inTurn<T>(folder: string, wanted: Wanted, action: () => Promise<T>): Promise<T> {
    try {
      using _lock = await this.lock(join(folder, ".lock"));
      return await action();
    } catch (error) {
      throw worded(error, wanted);
    }
  }

  /**
   * Waits until no other process holds the lock of a file, and takes it. The system lets go of it
   * when the file is closed, or the process dies.
   */
  async lock(path: string): Promise<Deno.FsFile> {
    await Deno.mkdir(dirname(path), { recursive: true });
    const file = await Deno.open(path, { create: true, write: true });
    try {
      for (let looks = 0; !await file.tryLock(true); looks++) {
        if (looks === 0) this.#http.note(`waiting for another process to fetch its data`);
        await this.#http.sleep(LOCK_INTERVAL);
      }
    } catch (error) {
      file.close();
      throw error;
    }
    return file;
  }
}

function worded(error: unknown, { name, remedy, page }: Wanted): unknown {
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
