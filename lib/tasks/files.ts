import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { UserError } from "../errors.ts";
import { harmless } from "../harmless.ts";
import { readJsonLines, wordsFor } from "../json_lines.ts";
import { isAbort, pause } from "../pause.ts";
import { openFile } from "./open_file.ts";
import { checkPages, columnPlaces } from "./parquet_pages.ts";
import type { CompactRows, Row } from "./rows.ts";

/** Adds the rows of a file of JSON lines, packed or not: one JSON object a line. */
export async function readJsonlRows(
  path: string,
  rows: CompactRows,
  signal?: AbortSignal,
): Promise<void> {
  await readJsonRows(await openFile(path, signal), path, rows);
}

/** Adds the rows of a stream of JSON lines, one object a line. `name` names it in errors. */
export async function readJsonRows(
  stream: ReadableStream<Uint8Array>,
  name: string,
  rows: CompactRows,
): Promise<void> {
  const lines = readJsonLines(stream, name, (value, bytes) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new UserError(`${wordsFor(value)}; expected a JSON object`);
    }
    return bytes;
  });
  for await (const json of lines) rows.addJson(json);
}

/** Leaves texts as bytes. */
const RAW_TEXT = { stringFromBytes: (bytes: Uint8Array) => bytes };

/** Adds the rows of a `.parquet` file, one row group in memory at a time. */
export async function readParquetRows(
  path: string,
  rows: CompactRows,
  signal?: AbortSignal,
): Promise<void> {
  for await (const row of readParquet(path, undefined, signal)) rows.add(row);
}

/**
 * The rows of a `.parquet` file, one row group in memory at a time.
 *
 * @param columns The columns that are read; all unless given.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @param texts Whether texts are text, in which U+FFFD stands for what is not UTF-8, or their bytes.
 * @throws {UserError} If the file is damaged or lacks a column.
 */
export async function* readParquet(
  path: string,
  columns?: string[],
  signal?: AbortSignal,
  texts: "text" | "bytes" = "text",
): AsyncGenerator<Row> {
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const there = parquetSchema(metadata).children.map(({ element }) => element.name);
    for (const column of columns ?? []) {
      if (there.includes(column)) continue;
      throw new UserError(`it has no column "${column}", but ${there.join(", ")}`);
    }
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const places = columnPlaces(metadata, group, file.byteLength);
      for (const [i, { start, end }] of places.entries()) {
        const column = group.columns[i].meta_data!;
        if (columns && !columns.includes(column.path_in_schema[0])) continue;
        await pause(signal);
        checkPages(await file.slice(start, end), metadata, group, column);
      }
      const rowEnd = rowStart + Number(group.num_rows);
      yield* await parquetReadObjects({
        file,
        metadata,
        compressors,
        columns,
        rowStart,
        rowEnd,
        parsers: texts === "bytes" ? RAW_TEXT : undefined,
      });
      rowStart = rowEnd;
    }
  } catch (error) {
    if (isAbort(error)) throw error;
    // It may have names out of the file.
    const message = harmless((error as Error).message).slice(0, 300);
    const fault = error instanceof UserError ? message : `not a readable parquet file: ${message}`;
    throw new UserError(`${path}: ${fault}`, { cause: error });
  }
}
