import { pause } from "../../pause.ts";
import { readParquet } from "../files.ts";
import type { FileRecord } from "./record.ts";

const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the rows of a parquet file with values as JSON has them: whole numbers that are exact, others
 * as the text of their digits, times as text in ISO 8601, bytes as the text that they are in UTF-8.
 * Bytes that are none stay bytes: a column that nobody reads may have them. What a struct lacks is null.
 *
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} If the file is damaged.
 */
export async function* readParquetRecords(
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<FileRecord> {
  let rows = 0;
  for await (const row of readParquet(path, undefined, signal, "bytes")) {
    await pause(signal);
    yield { value: jsonOf(row), place: `row ${++rows}` };
  }
}

function jsonOf(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return textOf(value);
  if (ArrayBuffer.isView(value)) return jsonOf(Array.from(value as unknown as Iterable<unknown>));
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
  }
  return value;
}

function textOf(bytes: Uint8Array): string | Uint8Array {
  try {
    return TEXT.decode(bytes);
  } catch {
    return bytes;
  }
}
