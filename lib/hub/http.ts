/** Requests to a hub: redirects, retries, and statuses told apart. */

import { STATUS_CODES } from "node:http";

/** Milliseconds to wait before each further try; after the last the request has failed. */
const BACKOFF = [1000, 2000, 4000, 8000];
/** The longest that a server may ask to wait, in milliseconds. */
const LONGEST_WAIT = 10 * 60_000;
/** Milliseconds without a byte after which a connection counts as dropped. */
const STALL_TIMEOUT = 60_000;
const MOST_REDIRECTS = 10;

/** How requests are made. */
export interface HttpOptions {
  /** Sent to `tokenOrigin` as `Authorization: Bearer …`, and to nobody else. */
  token?: string;
  /** The server that the token is for, such as `https://huggingface.co`. */
  tokenOrigin?: string;
  /** Aborted to stop; what was fetched so far is kept. */
  signal?: AbortSignal;
  /** Waits before another try; a timer unless given. */
  sleep?(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Milliseconds without a byte after which a connection counts as dropped; 60000 unless given. */
  stallTimeout?: number;
  /** Told in a line why a request is tried again or waited for. */
  note?(line: string): void;
}

/** A request that did not give what was asked for. */
export class HttpError extends Error {}

/** A fault that may pass: a dropped connection, a busy server. */
export class TransientError extends HttpError {
  /**
   * @param message What happened.
   * @param advanced Whether the try got further than those before it.
   * @param retryAfter Milliseconds that the server asks to wait.
   */
  constructor(message: string, readonly advanced = false, readonly retryAfter?: number) {
    super(message);
  }
}

/** A status that another try will not change. */
export class StatusError extends HttpError {
  /** Takes the status, such as 404, and a message that names it. */
  constructor(message: string, readonly status: number) {
    super(message);
  }
}

/** An answer whose body is read in chunks. */
export interface HttpResponse {
  /** 200, 206 (a part of the file) or 416 (no such part). */
  status: number;
  /** The answer's headers. */
  headers: Headers;
  /** Headers of the redirects before it: there the hub tells a file's size and checksum. */
  redirectHeaders: Headers[];
  /** The body. Breaking off a loop over it closes the connection. */
  chunks: AsyncGenerator<Uint8Array>;
  /** Closes the connection of a body that is not wanted. */
  cancel(): Promise<void>;
}

/** Makes requests in one way. */
export class HttpClient {
  readonly #options: HttpOptions;

  /** Remembers how. */
  constructor(options: HttpOptions = {}) {
    this.#options = options;
  }

  /** Waits, unless the signal says stop. */
  async sleep(milliseconds: number): Promise<void> {
    const { signal, sleep = timer } = this.#options;
    await sleep(milliseconds, signal);
    signal?.throwIfAborted();
  }

  /** Tells a line about how things go. */
  note(line: string): void {
    this.#options.note?.(line);
  }

  /**
   * Tries until it succeeds, waiting longer each time; a try that got further starts the count
   * anew.
   *
   * @throws {TransientError} The last try's, when there were too many.
   */
  async retry<T>(attempt: () => Promise<T>): Promise<T> {
    for (let failures = 0;; failures++) {
      try {
        return await attempt();
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        if (!(error instanceof TransientError)) throw error;
        if (error.advanced) failures = 0;
        const wait = error.retryAfter ?? BACKOFF[failures];
        if (failures >= BACKOFF.length || wait > LONGEST_WAIT) throw error;
        this.note(`${error.message}; trying again in ${Math.ceil(wait / 1000)} s`);
        await this.sleep(wait);
      }
    }
  }

  /**
   * Gets a URL, following redirects.
   *
   * @throws {TransientError} For a dropped connection, 408, 429 and 5xx.
   * @throws {StatusError} For any other status that is not 200, 206 or 416.
   */
  async get(url: string, headers: Record<string, string> = {}): Promise<HttpResponse> {
    const connection = new Connection(this.#options);
    const redirectHeaders: Headers[] = [];
    for (let at = url; redirectHeaders.length <= MOST_REDIRECTS;) {
      const response = await connection.fetch(at, { ...headers, ...this.#authorization(at) });
      const location = response.headers.get("location");
      if (response.status >= 300 && response.status < 400 && location !== null) {
        redirectHeaders.push(response.headers);
        await response.body?.cancel();
        at = new URL(location, at).href;
        continue;
      }
      if (![200, 206, 416].includes(response.status)) {
        await response.body?.cancel();
        throw statusError(response, url);
      }
      return {
        status: response.status,
        headers: response.headers,
        redirectHeaders,
        chunks: connection.read(response.body),
        cancel: async () => await response.body?.cancel(),
      };
    }
    throw new TransientError(`${url} is redirected without end`);
  }

  #authorization(url: string): Record<string, string> {
    const { token, tokenOrigin } = this.#options;
    if (!token || !tokenOrigin || new URL(url).origin !== URL.parse(tokenOrigin)?.origin) return {};
    return { authorization: `Bearer ${token}` };
  }
}

/** One request with its redirects and its body; it is dropped when nothing comes for a while. */
class Connection {
  readonly #signal: AbortSignal | undefined;
  readonly #stallTimeout: number;
  readonly #stalled = new AbortController();

  constructor({ signal, stallTimeout = STALL_TIMEOUT }: HttpOptions) {
    this.#signal = signal;
    this.#stallTimeout = stallTimeout;
  }

  async fetch(url: string, headers: Record<string, string>): Promise<Response> {
    const stalled = this.#stalled.signal;
    return await this.#watch(`no connection to ${new URL(url).origin}`, () =>
      fetch(url, {
        // A compressed answer has no ranges and no length.
        headers: { ...headers, "accept-encoding": "identity" },
        redirect: "manual",
        signal: this.#signal ? AbortSignal.any([this.#signal, stalled]) : stalled,
      }));
  }

  async *read(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
    if (body === null) return;
    const reader = body.getReader();
    try {
      for (
        let part;
        !(part = await this.#watch("the connection dropped", () => reader.read())).done;
      ) {
        yield part.value;
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
  }

  /** Waits for the network, not for ever: every fault of it may pass. */
  async #watch<T>(fault: string, action: () => Promise<T>): Promise<T> {
    const timer = setTimeout(
      () => this.#stalled.abort(new Error(`nothing came for ${this.#stallTimeout / 1000} s`)),
      this.#stallTimeout,
    );
    try {
      return await action();
    } catch (error) {
      this.#signal?.throwIfAborted();
      // Without --allow-net no try will succeed.
      if (error instanceof Deno.errors.NotCapable) throw error;
      const { message, cause } = error as Error;
      throw new TransientError(`${fault}: ${cause instanceof Error ? cause.message : message}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The error for a status, with the wait that `Retry-After` asks for: seconds, or a date. */
function statusError({ status, headers }: Response, url: string): Error {
  const message = `${url} answers ${status} ${STATUS_CODES[status] ?? ""}`.trim();
  if (status < 500 && ![408, 429].includes(status)) return new StatusError(message, status);
  const value = headers.get("retry-after") ?? "";
  const wait = /^\d+$/.test(value)
    ? 1000 * Number(value)
    : Date.parse(value) - Date.parse(headers.get("date") ?? "");
  const retryAfter = Number.isNaN(wait) ? undefined : Math.max(0, wait);
  if ((retryAfter ?? 0) <= LONGEST_WAIT) return new TransientError(message, false, retryAfter);
  const minutes = Math.ceil(retryAfter! / 60_000);
  return new TransientError(`${message} and asks to wait ${minutes} minutes`, false, retryAfter);
}

function timer(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const id = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(id), resolve()), { once: true });
  });
}
