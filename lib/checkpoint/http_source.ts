import { UserError } from "../errors.ts";
import { reasonOf } from "./byte_reader.ts";
import { type ByteSource, endsTooEarly } from "./byte_source.ts";

/** How long a file on a server is, and what its server calls this version of it. */
interface Version {
  length: number;
  tag: string | null;
}

/**
 * A file on a server that is read where it lies, range by range (RFC 9110, section 14). The server
 * must serve ranges and, to a page of another origin, show the header `Content-Range`.
 *
 * @example
 * ```ts ignore
 * using file = await SafetensorsFile.open(await HttpSource.open("https://host/x.safetensors"));
 * ```
 */
export class HttpSource implements ByteSource {
  private constructor(
    /** The address. */
    readonly name: string,
    private readonly version: Version,
  ) {}

  /** Total bytes. */
  get length(): number {
    return this.version.length;
  }

  /**
   * Asks a server for a file's length.
   *
   * @throws {UserError} if there is no such file, the server cannot be reached, or does not serve
   * ranges.
   */
  static async open(url: string | URL): Promise<HttpSource> {
    const name = String(url);
    const response = await requestRange(name, 0, 1);
    await response.body?.cancel();
    return new HttpSource(name, versionOf(response, name, 0));
  }

  /**
   * Fills `into` with the bytes at `position`.
   *
   * @throws {UserError} if the server cannot be reached, or has another version of the file by now.
   */
  async readAt(position: number, into: Uint8Array<ArrayBuffer>): Promise<void> {
    if (into.length === 0) return;
    const { name, version } = this;
    const response = await requestRange(name, position, into.length);
    const { length, tag } = versionOf(response, name, position);
    if (length !== version.length || tag !== version.tag) {
      await response.body?.cancel();
      throw changed(name);
    }
    let filled = 0;
    try {
      const reader = response.body!.getReader();
      for (let chunk; !(chunk = await reader.read()).done; filled += chunk.value.length) {
        into.set(chunk.value, filled);
      }
    } catch (error) {
      throw new UserError(`${name}: cannot be read: ${reasonOf(error)}`);
    }
    if (filled < into.length) throw endsTooEarly(name);
  }

  /** Does nothing: each range was a request of its own. */
  [Symbol.dispose](): void {}
}

/** The answer to a request for `count` bytes from `start`, if it is one. */
async function requestRange(name: string, start: number, count: number): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(name, { headers: { range: `bytes=${start}-${start + count - 1}` } });
  } catch (error) {
    throw new UserError(`${name}: cannot be read: ${reasonOf(error)}`);
  }
  if (response.status === 206) return response;
  await response.body?.cancel();
  if (response.status === 404) throw new UserError(`${name}: no such file`);
  if (response.status === 416 && start > 0) throw changed(name);
  if (response.status !== 200) {
    const answer = `${response.status} ${response.statusText}`.trim();
    throw new UserError(`${name}: its server answers ${answer}`);
  }
  throw new UserError(
    `${name}: its server does not serve parts of a file (HTTP ranges); ` +
      `download it whole and open the copy`,
  );
}

function versionOf({ headers }: Response, name: string, start: number): Version {
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "");
  if (!range) {
    throw new UserError(`${name}: its server does not say how long it is (Content-Range)`);
  }
  if (Number(range[1]) !== start) {
    throw new UserError(`${name}: its server sent other bytes than it was asked for`);
  }
  return { length: Number(range[2]), tag: headers.get("etag") ?? headers.get("last-modified") };
}

function changed(name: string): UserError {
  return new UserError(`${name}: was changed on its server while it was read; open it again`);
}
