/**
 * Reading the records of a file that somebody brings: JSON lines, a JSON array, CSV or parquet, told
 * by what it holds and not by its name.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { isAbort } from "../../pause.ts";
import { begin, type Begun, isParquet, openFile } from "../open_file.ts";
import { readCsv } from "./csv.ts";
import { readJsonValues, readValueLines } from "./json_values.ts";
import { readParquetRecords } from "./parquet.ts";
import type { FileRecord, RecordFile } from "./record.ts";
import { DECIDING_BYTES, recogniseText, recordsIn, type TextForm } from "./recognise.ts";

export type { FileRecord, RecordFile } from "./record.ts";

/**
 * Reads the records of a file: {@linkcode recogniseText} says how text is recognised. No file is held
 * as a whole, but a value of JSON, a row of CSV and a row group of parquet are.
 *
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} Names the file and the place in it, also while the records are read.
 */
export async function readRecords(path: string, signal?: AbortSignal): Promise<RecordFile> {
  if (await isParquet(path)) return { kind: "parquet", records: readParquetRecords(path, signal) };
  const begun = await beginText(path, signal), { stream } = begun;
  const text = await recognise(begun, path);
  switch (text.form) {
    case "lines":
      return { kind: "JSON lines", records: readValueLines(stream, path) };
    case "array":
      return { kind: "a JSON array", records: readJsonValues(stream, path, "items", signal) };
    case "values":
      return await unwrap(readJsonValues(stream, path, "values", signal));
    case "csv":
      return { kind: "CSV", records: readCsv(stream, path, text.separator) };
  }
}

async function beginText(path: string, signal?: AbortSignal): Promise<Begun> {
  const stream = await openFile(path, signal);
  try {
    return await begin(stream, DECIDING_BYTES, signal);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new UserError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function recognise({ head, stream }: Begun, path: string): Promise<TextForm> {
  try {
    const text = recogniseText(head);
    if (text) return text;
    throw new UserError("is empty");
  } catch (error) {
    await stream.cancel();
    throw new UserError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Values over several lines; one alone may wrap a list of records. */
async function unwrap(values: AsyncGenerator<FileRecord>): Promise<RecordFile> {
  const first = await values.next();
  const second = await values.next();
  const wrapped = second.done && !first.done ? recordsIn(first.value.value) : undefined;
  if (wrapped) {
    const items = wrapped.map((value, i) => ({ value, place: `item ${i + 1}` }));
    return { kind: "a JSON array", records: ReadableStream.from(items) };
  }
  async function* all() {
    if (!first.done) yield first.value;
    if (!second.done) yield second.value;
    yield* values;
  }
  return { kind: "JSON", records: all() };
}
