/** Downloads of single files that go on where they broke off. */

import { gitBlobId, hashFile } from "./hash_file.ts";
import { type HttpClient, type HttpResponse, TransientError } from "./http.ts";

/** Shows how far a download is. */
export interface DownloadProgress {
  /** Says how many bytes are there by now. */
  update(done: number): void;
  /** Ends the show. */
  finish(): void;
}

/**
 * Begins to show a download.
 *
 * @param label What is fetched, such as `gsm8k train`.
 * @param total Bytes in all, undefined where the server does not say.
 * @param start Bytes that are there from an earlier attempt.
 */
export type StartProgress = (
  label: string,
  total: number | undefined,
  start: number,
) => DownloadProgress;

/** A version of a file on a server. */
interface Version {
  /** Length in bytes, if known. */
  size: number | null;
  /** SHA-256, if the server knows it. */
  sha256: string | null;
  /** The server's name for the version. */
  etag: string | null;
}

/** What is known of a file before it is downloaded. */
export interface Expected {
  /** Length in bytes. */
  size?: number;
  /** SHA-256, in hexadecimal. */
  sha256?: string;
  /** Git's name for its content. */
  blobId?: string;
}

/** What was downloaded. */
export interface Downloaded {
  /** Length in bytes. */
  size: number;
  /** SHA-256 of the bytes that arrived, in hexadecimal. */
  sha256: string;
  /** The server's name for the version, if it has one. */
  etag: string | null;
}

/**
 * Downloads a file under the name `{path}.part`, beside a note of its version, so that a later
 * call, in this process or another, goes on with it. Returns when it is whole and its size and
 * checksum are what is expected, or what the server says where nothing is;
 * {@linkcode finishDownload} then gives it its name. One process at a time may do this.
 *
 * @param signal Breaks the comparing off when aborted, as that of `http` does all else.
 * @throws {TransientError} If the connection dropped too often without getting further.
 * @throws {StatusError} If the server refuses.
 */
export async function download(
  http: HttpClient,
  url: string,
  path: string,
  startProgress: (total: number | undefined, start: number) => DownloadProgress,
  expected: Expected = {},
  signal?: AbortSignal,
): Promise<Downloaded> {
  const part = new PartFile(`${path}.part`);
  let furthest = await part.size();
  return await http.retry(async () => {
    const version = await fetchRest(http, url, part, startProgress);
    const size = await part.size();
    const sent = version.size ?? expected.size ?? size;
    if (size < sent) {
      const advanced = size > furthest;
      furthest = Math.max(size, furthest);
      throw new TransientError(`${url} broke off at ${size} of ${sent} bytes`, advanced);
    }
    const sha256 = await hashFile(part.path, signal);
    const isWhole = size === (expected.size ?? sent) &&
      sha256 === (expected.sha256 ?? version.sha256 ?? sha256) &&
      (expected.blobId === undefined || expected.blobId === await gitBlobId(part.path));
    if (!isWhole) {
      await part.discard();
      throw new TransientError(`${url} came damaged`);
    }
    return { size, sha256, etag: version.etag };
  });
}

/**
 * Gives a downloaded file its name.
 *
 * @param path What it was downloaded as.
 * @param place Where it goes; there unless given.
 */
export async function finishDownload(path: string, place: string = path): Promise<void> {
  const part = new PartFile(`${path}.part`);
  await Deno.rename(part.path, place);
  await part.discard();
}

/** Fetches what the part file lacks, or everything if the server has another version by now. */
async function fetchRest(
  http: HttpClient,
  url: string,
  part: PartFile,
  startProgress: (total: number | undefined, start: number) => DownloadProgress,
): Promise<Version> {
  const known = await part.version();
  if (known === undefined) await part.discard();
  const start = await part.size();
  if (known !== undefined && start > 0 && start === known.size) return known;

  const response = await http.get(url, known && start > 0 ? rangeHeaders(known, start) : {});
  const version = versionOf(response);
  if (response.status !== 200) {
    const first = Number(contentRange(response)?.[1]);
    if (response.status === 416 || first !== start || !sameVersion(known, version)) {
      await response.cancel();
      await part.discard();
      return await fetchRest(http, url, part, startProgress);
    }
  } else {
    await part.begin(version);
  }
  const at = response.status === 200 ? 0 : start;
  const progress = startProgress(version.size ?? undefined, at);
  try {
    await part.append(response.chunks, (added) => progress.update(at + added));
  } catch (error) {
    // The caller sees how far it came.
    if (!(error instanceof TransientError) || version.size === null) throw error;
  } finally {
    progress.finish();
  }
  return version;
}

/** Asks for the rest. A checksum tells versions apart by itself; an ETag is the server's to compare. */
function rangeHeaders({ sha256, etag }: Version, start: number): Record<string, string> {
  const range = { range: `bytes=${start}-` };
  return sha256 === null ? { ...range, "if-range": etag! } : range;
}

function sameVersion(a: Version | undefined, b: Version): boolean {
  if (a === undefined || a.size !== b.size) return false;
  if (a.sha256 !== null || b.sha256 !== null) return a.sha256 === b.sha256;
  return a.etag === b.etag || b.etag === null;
}

/** The hub tells a file's own size and SHA-256 where it redirects to the servers that keep it. */
function versionOf(response: HttpResponse): Version {
  const hub = response.redirectHeaders.find((headers) => headers.has("x-linked-etag"));
  const linked = /^"?([0-9a-f]{64})"?$/.exec(hub?.get("x-linked-etag") ?? "");
  const length = response.status === 200
    ? hub?.get("x-linked-size") ?? response.headers.get("content-length")
    : contentRange(response)?.[2];
  return {
    size: /^\d+$/.test(length ?? "") ? Number(length) : null,
    sha256: linked?.[1] ?? null,
    etag: hub?.get("x-linked-etag") ?? response.headers.get("etag"),
  };
}

/** First byte and size of the file in `Content-Range: bytes 10-19/20`. */
function contentRange({ headers }: HttpResponse): RegExpExecArray | null {
  return /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "");
}

/** Whether a file is what is expected, as far as that is known: its length, and its checksum. */
export async function isExpected(
  path: string,
  { size, sha256, blobId }: Expected,
  signal?: AbortSignal,
): Promise<boolean> {
  return (size === undefined || size === (await Deno.stat(path)).size) &&
    (sha256 === undefined || sha256 === await hashFile(path, signal)) &&
    (blobId === undefined || blobId === await gitBlobId(path));
}

/** A file that is not whole yet, and beside it the version that it is part of. */
class PartFile {
  readonly path: string;
  readonly #versionPath: string;

  constructor(path: string) {
    this.path = path;
    this.#versionPath = `${path}.json`;
  }

  /** Bytes so far. */
  async size(): Promise<number> {
    try {
      return (await Deno.stat(this.path)).size;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return 0;
      throw error;
    }
  }

  /** The version it is part of; undefined if nobody could tell whether the rest fits it. */
  async version(): Promise<Version | undefined> {
    try {
      const { size, sha256, etag } = JSON.parse(await Deno.readTextFile(this.#versionPath));
      const strong = typeof etag === "string" && !etag.startsWith("W/");
      if (typeof sha256 === "string" || strong) return { size, sha256, etag };
    } catch (error) {
      // A note that was cut by a crash is not JSON.
      if (!(error instanceof Deno.errors.NotFound || error instanceof SyntaxError)) throw error;
    }
  }

  /** Starts anew. The old bytes go first, so that no note ever stands beside another's bytes. */
  async begin(version: Version): Promise<void> {
    await this.discard();
    await Deno.writeTextFile(this.#versionPath, JSON.stringify(version));
  }

  async append(
    chunks: AsyncIterable<Uint8Array>,
    appended: (bytes: number) => void,
  ): Promise<void> {
    using file = await Deno.open(this.path, { append: true, create: true });
    let total = 0;
    for await (const chunk of chunks) {
      for (let written = 0; written < chunk.length;) {
        written += await file.write(chunk.subarray(written));
      }
      appended(total += chunk.length);
    }
    await file.syncData();
  }

  async discard(): Promise<void> {
    for (const path of [this.path, this.#versionPath]) {
      try {
        await Deno.remove(path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
}
