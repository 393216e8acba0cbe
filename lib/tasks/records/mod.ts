/**
 * Reading the records of a file that somebody brings: JSON lines, a JSON array, CSV or parquet, told
 * by what it holds and not by its name.
 *
 * @module
 */
import { isParquet, openFile } from "../open_file.ts";
import { readParquetRecords } from "./parquet.ts";
import type { RecordFile } from "./record.ts";
import { readTextRecords } from "./text.ts";

export type { FileRecord, RecordFile } from "./record.ts";

/**
 * Reads the records of a file, as {@linkcode readTextRecords} does those of a text. No file is held as
 * a whole, but a value of JSON, a row of CSV and a row group of parquet are.
 *
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} Names the file and the place in it, also while the records are read.
 */
export async function readRecords(path: string, signal?: AbortSignal): Promise<RecordFile> {
  if (await isParquet(path)) return { kind: "parquet", records: readParquetRecords(path, signal) };
  return await readTextRecords(await openFile(path, signal), path, signal);
}
