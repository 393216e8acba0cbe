import { assertEquals, assertRejects } from "@std/assert";
import {
  BlobSource,
  type ByteSource,
  HttpSource,
  MemorySource,
  SafetensorsFile,
  type StoredTensor,
  TorchFile,
} from "../../lib/checkpoint/mod.ts";
import { FileSource, openSafetensors, openTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { fixture } from "./torch_archive.ts";

/** A file on a server: what it holds, which version of it, and what the server does not do. */
interface ServedFile {
  bytes: Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  ignoresRanges?: boolean;
  /** Bytes of each answer that never arrive. */
  missing?: number;
}

/** Serves one file at `/file` while `run` runs. */
async function serving(file: ServedFile, run: (url: string) => Promise<void>): Promise<void> {
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { bytes, headers, ignoresRanges, missing = 0 } = file;
    if (new URL(request.url).pathname !== "/file") return new Response(null, { status: 404 });
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
    if (!range || ignoresRanges) return new Response(bytes, { headers });
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, bytes.length)];
    if (start >= bytes.length) return new Response(null, { status: 416 });
    return new Response(bytes.subarray(start, end - missing), {
      status: 206,
      headers: { ...headers, "content-range": `bytes ${start}-${end - 1}/${bytes.length}` },
    });
  });
  await run(`http://127.0.0.1:${server.addr.port}/file`);
}

const modelPath = fixture("parity/mha_full/model_000010.pt");
const numbersPath = fixture("parity/mha_full/expected.safetensors");

/** Compares files that are opened from sources with the same files opened from the disk. */
async function checkFiles(open: (path: string) => Promise<ByteSource>): Promise<void> {
  using model = await TorchFile.open(await open(modelPath));
  using expectedModel = await openTorchFile(modelPath);
  for (const [name, tensor] of expectedModel.root as Map<string, StoredTensor>) {
    const read = (model.root as Map<string, StoredTensor>).get(name)!;
    assertEquals(await read.readFloat32(), await tensor.readFloat32(), name);
  }
  using numbers = await SafetensorsFile.open(await open(numbersPath));
  using expectedNumbers = await openSafetensors(numbersPath);
  for (const [name, tensor] of expectedNumbers.tensors) {
    assertEquals(await numbers.tensors.get(name)!.read(), await tensor.read(), name);
  }
}

Deno.test("checkpoints are read from blobs", async () => {
  await checkFiles(async (path) => new BlobSource(path, new Blob([await Deno.readFile(path)])));
});

Deno.test("checkpoints are read from a server, range by range", async () => {
  const file: ServedFile = { bytes: new Uint8Array() };
  await serving(file, async (url) => {
    await checkFiles(async (path) => {
      file.bytes = await Deno.readFile(path);
      return await HttpSource.open(url);
    });
  });
});

Deno.test("bytes beyond the end are refused, wherever they should lie", async () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, bytes);
  await serving({ bytes }, async (url) => {
    const sources: ByteSource[] = [
      new MemorySource("memory", bytes),
      new BlobSource("blob", new Blob([bytes])),
      await FileSource.open(path),
      await HttpSource.open(url),
    ];
    for (const source of sources) {
      assertEquals(source.length, 4);
      const last = new Uint8Array(2);
      await source.readAt(2, last);
      assertEquals(last, Uint8Array.of(3, 4));
      const { message } = await assertRejects(() => source.readAt(3, last), UserError);
      assertEquals(message, `${source.name}: ends too early; it is truncated`);
      source[Symbol.dispose]();
    }
  });
  await Deno.remove(path);
});

Deno.test("a source says why it cannot be read", async () => {
  const file: ServedFile = { bytes: Uint8Array.of(1, 2, 3, 4), headers: { etag: '"1"' } };
  await serving(file, async (url) => {
    const refused = (promise: Promise<unknown>, message: string) =>
      assertRejects(() => promise, UserError, message);
    const read = (source: ByteSource, position: number, length: number) =>
      source.readAt(position, new Uint8Array(length));
    using source = await HttpSource.open(url);
    assertEquals([source.name, source.length], [url, 4]);
    const bytes = new Uint8Array(2);
    await source.readAt(1, bytes);
    assertEquals(bytes, Uint8Array.of(2, 3));
    await read(source, 4, 0);

    await refused(HttpSource.open(url + "s"), `${url}s: no such file`);
    await refused(HttpSource.open("http://127.0.0.1:1/x"), "http://127.0.0.1:1/x: cannot be read");
    file.missing = 1;
    await refused(read(source, 0, 2), `${url}: ends too early`);
    file.missing = 0;
    file.ignoresRanges = true;
    await refused(HttpSource.open(url), `${url}: its server does not serve parts of a file`);
    await refused(read(source, 0, 2), `${url}: its server does not serve parts of a file`);
    file.ignoresRanges = false;
    file.headers = { etag: '"2"' };
    await refused(read(source, 0, 2), `${url}: was changed on its server`);
    file.headers = { etag: '"1"' };
    file.bytes = file.bytes.slice(0, 3);
    await refused(read(source, 0, 2), `${url}: was changed on its server`);
    await refused(read(source, 3, 1), `${url}: was changed on its server`);
  });
});
