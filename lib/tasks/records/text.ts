/**
 * Reading the records of a text, wherever it comes from: a file, or one that is dropped on a page.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { isAbort } from "../../pause.ts";
import { begin, type Begun, type Bytes } from "../begin.ts";
import { readCsv } from "./csv.ts";
import { readJsonValues, readValueLines } from "./json_values.ts";
import type { FileRecord, RecordFile } from "./record.ts";
import { DECIDING_BYTES, recogniseText, recordsIn, type TextForm } from "./recognise.ts";

/**
 * Reads the records of a text: JSON lines, a JSON array or CSV, as {@linkcode recogniseText} tells.
 *
 * @param text It in UTF-8, with or without a byte-order mark.
 * @param name What to call the file in errors.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} Names the file and the place in it, also while the records are read.
 */
export async function readTextRecords(
  text: Bytes,
  name: string,
  signal?: AbortSignal,
): Promise<RecordFile> {
  const begun = await beginText(text, name, signal), { stream } = begun;
  const recognised = await recognise(begun, name);
  switch (recognised.form) {
    case "lines":
      return { kind: "JSON lines", records: readValueLines(stream, name) };
    case "array":
      return { kind: "a JSON array", records: readJsonValues(stream, name, "items", signal) };
    case "values":
      return await unwrap(readJsonValues(stream, name, "values", signal));
    case "csv":
      return { kind: "CSV", records: readCsv(stream, name, recognised.separator) };
  }
}

async function beginText(text: Bytes, name: string, signal?: AbortSignal): Promise<Begun> {
  try {
    return await begin(text, DECIDING_BYTES, signal);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new UserError(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

async function recognise({ head, stream }: Begun, name: string): Promise<TextForm> {
  try {
    const text = recogniseText(head);
    if (text) return text;
    throw new UserError("is empty");
  } catch (error) {
    await stream.cancel();
    throw new UserError(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

/** Values over several lines; one alone may wrap a list of records. */
async function unwrap(values: AsyncGenerator<FileRecord>): Promise<RecordFile> {
  const first = await values.next();
  const second = await values.next();
  const wrapped = second.done && !first.done ? recordsIn(first.value.value) : undefined;
  if (wrapped) {
    const items = wrapped.map((value, i) => ({ value, place: `item ${i + 1}` }));
    return { kind: "a JSON array", records: goOn(items) };
  }
  const begun = [first, second].flatMap(({ done, value }) => done ? [] : [value]);
  return { kind: "JSON", records: goOn(begun, values) };
}

/** Records that are there, and those that come after them. */
async function* goOn(
  begun: readonly FileRecord[],
  rest: AsyncIterable<FileRecord> | readonly FileRecord[] = [],
): AsyncGenerator<FileRecord> {
  yield* begun;
  yield* rest;
}
