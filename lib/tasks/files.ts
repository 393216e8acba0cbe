import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { UserError } from "../errors.ts";
import type { CompactRows } from "./rows.ts";

const NEWLINE = 0x0a;

/**
 * Opens a file for reading, unpacking it if its name ends in `.gz`.
 *
 * @throws {UserError} If it cannot be opened.
 */
export async function openFile(path: string): Promise<ReadableStream<Uint8Array>> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    throw new UserError(`cannot open ${path}: ${(error as Error).message}`, { cause: error });
  }
  return path.endsWith(".gz")
    ? file.readable.pipeThrough(new DecompressionStream("gzip"))
    : file.readable;
}

/** The lines of a stream, as bytes without their newline. A last newline makes no empty line. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, start)) >= 0; start = end + 1) {
      const rest = chunk.subarray(start, end);
      yield parts.length === 0 ? rest : concat([...parts, rest]);
      parts = [];
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield concat(parts);
}

function concat(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Reads JSON lines, handing each value on with its line's number (from 1) and bytes. Empty lines
 * are passed over.
 *
 * @param name What to call the file in errors.
 * @throws {UserError} Names the line that is not JSON, that `visit` finds fault with, or after
 *   which the stream breaks off.
 */
export async function readJsonLines(
  stream: ReadableStream<Uint8Array>,
  name: string,
  visit: (value: unknown, bytes: Uint8Array) => void,
): Promise<void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 0;
  try {
    for await (const bytes of readLines(stream)) {
      line++;
      const text = decoder.decode(bytes);
      if (text.trim() !== "") visit(JSON.parse(text), bytes);
    }
  } catch (error) {
    throw new UserError(`${name}, line ${line}: ${(error as Error).message}`, { cause: error });
  }
}

/** Adds the rows of a `.jsonl` or `.jsonl.gz` file: one JSON object a line. */
export async function readJsonlRows(path: string, rows: CompactRows): Promise<void> {
  await readJsonRows(await openFile(path), path, rows);
}

/** Adds the rows of a stream of JSON lines, one object a line. `name` names it in errors. */
export async function readJsonRows(
  stream: ReadableStream<Uint8Array>,
  name: string,
  rows: CompactRows,
): Promise<void> {
  await readJsonLines(stream, name, (value, bytes) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new UserError("expected a JSON object");
    }
    rows.addJson(bytes);
  });
}

/** Adds the rows of a `.parquet` file, one row group in memory at a time. */
export async function readParquetRows(path: string, rows: CompactRows): Promise<void> {
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const options = { file, metadata, compressors, rowStart, rowEnd };
      for (const row of await parquetReadObjects(options)) rows.add(row);
      rowStart = rowEnd;
    }
  } catch (error) {
    const { message } = error as Error;
    throw new UserError(`${path} is not a readable parquet file: ${message}`, { cause: error });
  }
}
