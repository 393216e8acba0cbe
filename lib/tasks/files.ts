import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { UserError } from "../errors.ts";
import { readJsonLines } from "../json_lines.ts";
import type { CompactRows } from "./rows.ts";

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
  const lines = readJsonLines(stream, name, (value, bytes) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new UserError("expected a JSON object");
    }
    return bytes;
  });
  for await (const json of lines) rows.addJson(json);
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
