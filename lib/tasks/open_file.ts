import { createGunzip } from "node:zlib";
import { UserError } from "../errors.ts";
import { isAbort } from "../pause.ts";
import { begin, type Begun, type Bytes } from "./begin.ts";
import { containerOf, HEAD_BYTES } from "./containers.ts";
import { isZstandard, unpackZstandard } from "./zstandard.ts";

/** What `containerOf` calls a file that others than this module read. */
const PARQUET = "a parquet file";

/**
 * Opens a file of text for reading, as UTF-8. What is packed with gzip (also in several members) or
 * Zstandard (also in several frames) is unpacked, and UTF-16 that begins with its byte-order mark is
 * turned into UTF-8: the file's first bytes decide, not its name.
 *
 * @param signal Once it is aborted, the stream breaks off with its reason.
 * @throws {UserError} If it cannot be opened, is not packed although its name says so, or is a
 *   container such as a zip archive. A packed file that is damaged is noticed while it is read.
 */
export async function openFile(
  path: string,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const file = await open(path, signal);
  const unpack = unpackerOf(file.head);
  const suffix = /\.(gz|zst)$/.exec(path)?.[0];
  if (!unpack && suffix) return await refuse(path, file, `it is not packed as ${suffix} files are`);
  let text = file;
  if (unpack) {
    try {
      text = await begin(ReadableStream.from(unpack(file.stream)), HEAD_BYTES, signal);
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new UserError(`${path}: ${(error as Error).message}`, { cause: error });
    }
  }
  const container = containerOf(text.head);
  if (container) {
    const advice = unpack && container === PARQUET ? "; unpack it first" : "";
    return await refuse(
      path,
      text,
      `it ${unpack ? "holds" : "is"} ${container}, not text${advice}`,
    );
  }
  const encoding = encodingOf(text.head);
  if (encoding === "utf-8") return text.stream;
  return ReadableStream.from(toUtf8(text.stream, encoding));
}

/** Whether a file is parquet, by its first bytes. A pipe is not, and is not read: it can be once. */
export async function isParquet(path: string): Promise<boolean> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (info && !info.isFile) return false;
  const { head, stream } = await open(path);
  await stream.cancel();
  return containerOf(head) === PARQUET;
}

async function open(path: string, signal?: AbortSignal): Promise<Begun> {
  try {
    return await begin((await Deno.open(path)).readable, HEAD_BYTES, signal);
  } catch (error) {
    throw new UserError(`cannot open ${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function refuse(path: string, { stream }: Begun, why: string): Promise<never> {
  await stream.cancel();
  throw new UserError(`cannot read ${path}: ${why}`);
}

type Unpacker = (packed: Bytes) => AsyncGenerator<Uint8Array<ArrayBuffer>>;

function unpackerOf(head: Uint8Array): Unpacker | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return unpackGzip;
  if (isZstandard(head)) return unpackZstandard;
  return undefined;
}

/**
 * Unpacks with Node's decompressor: `DecompressionStream` refuses files of several members. What was
 * unpacked before a fault is yielded before it is thrown, so that the fault's line can be named.
 */
async function* unpackGzip(packed: Bytes): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const gunzip = createGunzip();
  const unpacked: Uint8Array<ArrayBuffer>[] = [];
  gunzip.on("data", (piece) => unpacked.push(piece));
  let fault: Error | undefined;
  gunzip.on("error", (error) => fault = error);
  const end = new Promise<void>((resolve) => gunzip.once("close", resolve));
  try {
    for await (const chunk of packed) {
      await new Promise<void>((resolve) => gunzip.write(chunk, () => resolve()));
      yield* unpacked.splice(0);
      if (fault) break;
    }
    gunzip.end();
    await end;
    yield* unpacked;
  } finally {
    gunzip.destroy();
  }
  if (fault) {
    const kind = /end of file/.test(fault.message) ? "cut off" : "damaged";
    throw new UserError(`the gzip data is ${kind}: ${fault.message}`, { cause: fault });
  }
}

/** Turns UTF-16 into UTF-8. */
async function* toUtf8(text: Bytes, encoding: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const decoder = new TextDecoder(encoding, { fatal: true }), encoder = new TextEncoder();
  try {
    for await (const chunk of text) yield encoder.encode(decoder.decode(chunk, { stream: true }));
    yield encoder.encode(decoder.decode());
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const message = "the text is not UTF-16, as its mark says, or is cut off";
    throw new UserError(message, { cause: error });
  }
}

function encodingOf([first, second, third, fourth]: Uint8Array): string {
  if (first === 0xfe && second === 0xff) return "utf-16be";
  // With zeros behind it, the same mark is that of UTF-32.
  if (first === 0xff && second === 0xfe && (third !== 0 || fourth !== 0)) return "utf-16le";
  return "utf-8";
}
