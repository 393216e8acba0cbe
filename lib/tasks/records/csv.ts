/**
 * Tables of text with a header (RFC 4180). Lines are counted as an editor counts them, also where a cell
 * goes on over several: csv-parse counts a CRLF in a cell twice, and an error is of no use without its
 * line.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { harmless } from "../../harmless.ts";
import { LONGEST_TEXT, readLines } from "../../json_lines.ts";
import type { FileRecord } from "./record.ts";

/** A row of a table. */
interface TableRow {
  /** The line in which it begins, from 1. */
  line: number;
  cells: string[];
}

/**
 * Reads the rows of a table as objects: each cell's text by its column's name.
 *
 * @param stream The table, in UTF-8, a header first. Empty lines are passed over.
 * @param name What to call the file in errors.
 * @param separator The character between cells.
 * @throws {UserError} Names the row, counted without the header, and its line if it has too many or too
 *   few cells or quotes in the wrong place; or what is wrong with the header.
 */
export async function* readCsv(
  stream: ReadableStream<Uint8Array>,
  name: string,
  separator: string,
): AsyncGenerator<FileRecord> {
  let columns: string[] | undefined, rows = 0;
  for await (const { line, cells } of readTable(stream, name, separator)) {
    if (!columns) {
      columns = cells.map((cell) => cell.trim());
      checkHeader(columns, name);
      continue;
    }
    const place = `row ${++rows}`;
    if (cells.length !== columns.length) {
      const count = cells.length === 1 ? "1 cell" : `${cells.length} cells`;
      throw new UserError(
        `${name}, ${place} (line ${line}): has ${count}, but the header has ${columns.length}; ` +
          `a cell with a ${nameOf(separator)}, a quote or a new line in it stands in quotes`,
      );
    }
    yield { value: Object.fromEntries(columns.map((column, i) => [column, cells[i]])), place };
  }
  if (columns && rows === 0) throw new UserError(`${name}: has a header, but no rows`);
}

const nameOf = (separator: string) =>
  separator === "," ? "comma" : separator === ";" ? "semicolon" : "tab";

function checkHeader(columns: string[], name: string): void {
  for (const [i, column] of columns.entries()) {
    if (column === "") {
      throw new UserError(
        `${name}: column ${i + 1} has no name in the header; name it or take it out ` +
          "(pandas leaves the index out with index=False)",
      );
    }
    const first = columns.indexOf(column);
    if (first === i) continue;
    const quoted = harmless(JSON.stringify(column));
    throw new UserError(
      `${name}: columns ${first + 1} and ${i + 1} are both named ${quoted} in the header`,
    );
  }
}

/** The rows of a table, its header too. A row ends with the line in which all quotes are closed. */
async function* readTable(
  stream: ReadableStream<Uint8Array>,
  name: string,
  separator: string,
): AsyncGenerator<TableRow> {
  let parts: string[] = [], length = 0, isOpen = false, begin = 0;
  for await (const { number, text } of readLines(stream, name)) {
    if (!isOpen) {
      if (text.trim() === "") continue;
      begin = number;
      length = 0;
    }
    parts.push(text);
    length += text.length;
    for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) isOpen = !isOpen;
    if (isOpen && length <= LONGEST_TEXT) continue;
    if (isOpen) break;
    const cells = cellsOf(parts.join(""), separator);
    if (!cells) {
      throw new UserError(
        `${name}, line ${begin}: has a quote in a cell that is not in quotes, or something behind ` +
          'its closing quote; a cell with a quote is written in quotes, and the quote twice, "say ""hi"""',
      );
    }
    yield { line: begin, cells };
    parts = [];
  }
  if (isOpen) {
    throw new UserError(`${name}, line ${begin}: has a quote that is not closed in its row`);
  }
}

/**
 * The cells of a row, without their quotes.
 *
 * @param row It with or without the end of its line.
 * @returns Nothing if a quote is in the wrong place.
 */
export function cellsOf(row: string, separator: string): string[] | undefined {
  const text = row.replace(/\r?\n$/, "");
  const cells: string[] = [];
  for (let at = 0;;) {
    let end: number;
    if (text[at] === '"') {
      end = closingQuote(text, at + 1);
      if (end < 0) return undefined;
      cells.push(text.slice(at + 1, end).replaceAll('""', '"'));
      end++;
      if (end < text.length && text[end] !== separator) return undefined;
    } else {
      end = text.indexOf(separator, at);
      if (end < 0) end = text.length;
      const cell = text.slice(at, end);
      if (cell.includes('"')) return undefined;
      cells.push(cell);
    }
    if (end === text.length) return cells;
    at = end + 1;
  }
}

/** Where the quote is that closes a cell; -1 if there is none. */
function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}
