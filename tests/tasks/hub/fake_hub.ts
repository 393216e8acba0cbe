/** A hub on this machine that answers as told. */

import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";

/** What to do with one request for a file instead of answering it well. */
export type Mischief =
  | { status: number; headers?: Record<string, string> }
  /** Sends so many bytes of the body, then drops the connection. */
  | { dropAfter: number }
  /** Sends so many bytes of the body, then nothing more. */
  | { stallAfter: number }
  /** Sends the whole body with one bit flipped. */
  | { damage: true }
  /** Takes no notice of `Range`. */
  | { ignoreRange: true };

/** A file of the hub. */
interface HubFile {
  bytes: Uint8Array<ArrayBuffer>;
  /** Whether it is kept on another server, as the hub's large files are. */
  linked: boolean;
}

/** A request that was made. */
interface Seen {
  path: string;
  range: string | null;
  authorization: string | null;
}

/** Rows of conversations as a parquet file: a list of structs, as in SmolTalk. */
export function conversationsParquet(
  conversations: { role: string; content: string }[][],
  codec: "SNAPPY" | "ZSTD" = "SNAPPY",
): Uint8Array<ArrayBuffer> {
  const text = { type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" } as const;
  return new Uint8Array(parquetWriteBuffer({
    columnData: [{ name: "messages", data: conversations }],
    schema: [
      { name: "root", num_children: 1 },
      { name: "messages", repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      { name: "element", repetition_type: "OPTIONAL", num_children: 2 },
      { name: "content", ...text },
      { name: "role", ...text },
    ],
    codec,
    compressors: { ZSTD: (bytes) => new Uint8Array(zstdCompressSync(bytes)) },
    rowGroupSize: 50,
  }));
}

/** Serves datasets and single files, in pieces of a few hundred bytes. */
export class FakeHub {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #files = new Map<string, HubFile>();
  /** What is answered as JSON, by path: lists of files. */
  readonly #lists = new Map<string, unknown>();
  readonly #stop = new AbortController();
  /** What to do with the next requests for files, one each. */
  readonly mischief: Mischief[] = [];
  /** What to do with the next requests for a list of files. */
  readonly listMischief: Mischief[] = [];
  /** The requests so far. */
  readonly seen: Seen[] = [];
  /** Milliseconds between two pieces of a body. */
  pace = 0;
  /** Bytes of a piece. */
  piece = 500;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, onError: () => new Response(null) },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Requests for files, not lists. */
  get fileRequests(): Seen[] {
    return this.seen.filter(({ path }) => !path.startsWith("/api/") || path.endsWith(".parquet"));
  }

  /** Adds a split; its list names the files under the hub's own name, as a mirror's does. */
  addDataset(repo: string, subset: string, split: string, files: Uint8Array<ArrayBuffer>[]): void {
    const list = `/api/datasets/${repo}/parquet/${subset}/${split}`;
    const paths = files.map((_, i) => `${list}/${i}.parquet`);
    this.#lists.set(list, paths.map((path) => `https://huggingface.co${path}`));
    files.forEach((bytes, i) => this.#files.set(paths[i], { bytes, linked: true }));
  }

  /**
   * Adds or replaces a model's repository. Files of Git LFS are kept elsewhere, and the hub knows their
   * checksums; small ones lie in the repository.
   */
  addModel(repo: string, files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): void {
    const sha = createHash("sha1").update(Object.keys(files).join()).digest("hex");
    const siblings = Object.entries(files).map(([rfilename, bytes]) => {
      const linked = /\.(pt|pkl|safetensors)$/.test(rfilename), size = bytes.length;
      const path = `/${repo}/resolve/${sha}/${
        rfilename.split("/").map(encodeURIComponent).join("/")
      }`;
      this.#files.set(path, { bytes, linked });
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const lfs = linked ? { sha256, size, pointerSize: 130 } : undefined;
      const blobId = createHash("sha1").update(`blob ${size}\0`).update(bytes).digest("hex");
      return { rfilename, size, blobId, lfs };
    });
    this.#lists.set(`/api/models/${repo}`, { id: repo, sha, private: false, siblings });
  }

  /** Answers a path with this JSON. */
  answerJson(path: string, json: unknown): void {
    this.#lists.set(path, json);
  }

  addFile(path: string, bytes: Uint8Array<ArrayBuffer>): void {
    this.#files.set(path, { bytes, linked: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#server.shutdown();
  }

  #answer(request: Request): Response {
    const path = new URL(request.url).pathname;
    const { headers } = request;
    const range = headers.get("range");
    this.seen.push({ path, range, authorization: headers.get("authorization") });
    const list = this.#lists.get(path);
    if (list !== undefined) {
      const act = this.listMischief.shift();
      if (act !== undefined && "status" in act) return new Response(null, act);
      return Response.json(list);
    }
    const file = this.#files.get(path.replace(/^\/cdn/, ""));
    if (file === undefined) return new Response(null, { status: 404 });
    const sha256 = createHash("sha256").update(file.bytes).digest("hex");
    // The hub's own servers name a linked file's checksum and send the client on.
    if (file.linked && !path.startsWith("/cdn")) {
      return new Response(null, {
        status: 302,
        headers: {
          location: `/cdn${path}`,
          "x-linked-etag": `"${sha256}"`,
          "x-linked-size": String(file.bytes.length),
        },
      });
    }
    const act = this.mischief.shift();
    if (act !== undefined && "status" in act) return new Response(null, act);
    // Those that keep linked files give no ETag.
    const etag = file.linked ? undefined : `"${sha256.slice(0, 8)}"`;
    return this.#body(file.bytes, act, range, headers.get("if-range"), etag);
  }

  #body(
    bytes: Uint8Array<ArrayBuffer>,
    act: Mischief | undefined,
    range: string | null,
    ifRange: string | null,
    etag: string | undefined,
  ): Response {
    const headers = new Headers(etag === undefined ? {} : { etag });
    let start = 0;
    let status = 200;
    const ranged = range !== null && (ifRange === null || ifRange === etag);
    if (ranged && !(act !== undefined && "ignoreRange" in act)) {
      start = Number(/^bytes=(\d+)-$/.exec(range)![1]);
      if (start >= bytes.length) return new Response(null, { status: 416 });
      status = 206;
      headers.set("content-range", `bytes ${start}-${bytes.length - 1}/${bytes.length}`);
    }
    const rest = bytes.slice(start);
    if (act !== undefined && "damage" in act) rest[rest.length >> 1] ^= 1;
    headers.set("content-length", String(rest.length));
    return new Response(this.#stream(rest, act), { status, headers });
  }

  #stream(bytes: Uint8Array, act: Mischief | undefined): ReadableStream<Uint8Array> {
    const stop = this.#stop.signal;
    const { piece } = this;
    const pace = () => new Promise((resolve) => setTimeout(resolve, this.pace));
    const ends = act !== undefined && "dropAfter" in act
      ? act.dropAfter
      : act !== undefined && "stallAfter" in act
      ? act.stallAfter
      : bytes.length;
    let at = 0;
    return new ReadableStream({
      async pull(controller) {
        if (at < ends) {
          controller.enqueue(bytes.subarray(at, at = Math.min(at + piece, ends)));
          await pace();
        } else if (act !== undefined && "dropAfter" in act) {
          // What was sent is given time to arrive.
          await new Promise((resolve) => setTimeout(resolve, 5));
          controller.error(new Error("dropped"));
        } else if (act !== undefined && "stallAfter" in act) {
          await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
          controller.close();
        } else {
          controller.close();
        }
      },
    });
  }
}
