import { UserError } from "../../errors.ts";
import { harmless } from "../../harmless.ts";
import { pause } from "../../pause.ts";
import { readParquet } from "../files.ts";
import type { FileRecord } from "./record.ts";

/** Leaves bytes as they are; hyparquet would put U+FFFD in the place of those that are no text. */
const RAW_TEXT = { stringFromBytes: (bytes: Uint8Array) => bytes };

/**
 * Reads the rows of a parquet file with values as JSON has them: whole numbers that fit, times as text
 * in ISO 8601, bytes as the text that they are in UTF-8. What a struct lacks is null.
 *
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} If the file is damaged; or names the row and the column of what JSON lacks.
 */
export async function* readParquetRecords(
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<FileRecord> {
  let rows = 0;
  for await (const row of readParquet(path, undefined, signal, RAW_TEXT)) {
    await pause(signal);
    const place = `row ${++rows}`;
    const value: Record<string, unknown> = {};
    for (const [column, cell] of Object.entries(row)) {
      try {
        value[column] = jsonOf(cell);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const named = harmless(JSON.stringify(column));
        throw new UserError(
          `${path}, ${place}: the column ${named} ${error.message}; take the column out`,
        );
      }
    }
    yield { value, place };
  }
}

function jsonOf(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") {
    if (Number.isSafeInteger(Number(value))) return Number(value);
    throw new UserError(`has ${value}, which is too large a number to be read exactly`);
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new UserError("has a time that is none");
    return value.toISOString();
  }
  if (value instanceof Uint8Array) return textOf(value);
  if (ArrayBuffer.isView(value)) return jsonOf(Array.from(value as unknown as Iterable<unknown>));
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
  }
  return value;
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new UserError("has bytes that are no text in UTF-8");
  }
}
