/**
 * JSON values of a text that is too long to be parsed at once: where each begins and ends is found,
 * and `JSON.parse` reads it. Faults are named with line and column.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { findJsonFault, parseJson } from "../../json.ts";
import { concat, decodeText, LONGEST_TEXT, readLines } from "../../json_lines.ts";
import { isAbort, pause } from "../../pause.ts";
import type { FileRecord } from "./record.ts";

const NEWLINE = 0x0a, SPACE = 0x20, QUOTE = 0x22, COMMA = 0x2c, BACKSLASH = 0x5c;
const OPENING = [0x5b, 0x7b], CLOSING = [0x5d, 0x7d];
const NOT_CLOSED = "ends too early: it is cut off, or a bracket or a quote is not closed";

/** A place in a text. */
interface Place {
  /** Its line, from 1. */
  line: number;
  /** How many characters of that line are before it. */
  column: number;
}

/** A value as it was cut out of a text, and where its bytes begin. */
export interface Piece extends Place {
  /** It in UTF-8, with the white space before it. */
  bytes: Uint8Array;
  /** Which value or item it is, from 1. */
  number: number;
}

/**
 * Reads the values of a text that has one a line. Empty lines are passed over.
 *
 * @param stream The text, in UTF-8.
 * @param name What to call the file in errors.
 * @throws {UserError} Names the line and column of what is no JSON, or that the stream breaks off.
 */
export async function* readValueLines(
  stream: ReadableStream<Uint8Array>,
  name: string,
): AsyncGenerator<FileRecord> {
  for await (const { number, text } of readLines(stream, name)) {
    if (text.trim() === "") continue;
    let record: FileRecord;
    try {
      record = parseValue(text, { line: number, column: 0 });
    } catch (error) {
      throw new UserError(`${name}, ${(error as Error).message}`, { cause: error });
    }
    yield record;
  }
}

/**
 * Reads the values of a text, or the items of the array that it is.
 *
 * @param stream The text, in UTF-8.
 * @param name What to call the file in errors.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} Names the place of what is no JSON, or that the stream breaks off.
 */
export async function* readJsonValues(
  stream: ReadableStream<Uint8Array>,
  name: string,
  of: "values" | "items",
  signal?: AbortSignal,
): AsyncGenerator<FileRecord> {
  const splitter = new ValueSplitter(of);
  try {
    for await (const chunk of stream) {
      await pause(signal);
      for (const piece of splitter.push(chunk)) yield parsePiece(piece, of);
    }
    const rest = splitter.finish();
    if (rest) throw new UserError(`${parsePiece(rest, of).place}: ${NOT_CLOSED}`);
  } catch (error) {
    if (isAbort(error)) throw error;
    const { message } = error as Error;
    // What the stream breaks off with knows no place.
    const place = /^(item|line) \d/.test(message) ? "" : `line ${splitter.line}: `;
    throw new UserError(`${name}, ${place}${message}`, { cause: error });
  }
}

/** Decodes and parses a piece. */
function parsePiece(piece: Piece, of: "values" | "items"): FileRecord {
  const item = of === "items" ? `item ${piece.number}` : undefined;
  let text: string;
  try {
    text = decodeText(piece.bytes);
  } catch (error) {
    throw new UserError(`${item ?? `line ${piece.line}`}: ${(error as Error).message}`);
  }
  return parseValue(text, piece, item);
}

/**
 * Parses a value.
 *
 * @param begin Where its text begins.
 * @param item Its place; else it is the line that the value begins in.
 * @throws {UserError} Names the place of the fault, not the file.
 */
function parseValue(text: string, begin: Place, item?: string): FileRecord {
  const start = placeIn(begin, text, text.length - text.trimStart().length);
  const place = item ?? `line ${start.line}`;
  if (text.trim() === "") throw new UserError(`${place}: is empty; there is a comma too many`);
  try {
    return { value: parseJson(text), place };
  } catch {
    const { at, reason } = findJsonFault(text)!;
    if (at >= text.trimEnd().length) throw new UserError(`${place}: ${NOT_CLOSED}`);
    const fault = placeIn(begin, text, at);
    const where = `line ${fault.line} column ${fault.column + 1}`;
    throw new UserError(`${item ? `${item}, ` : ""}${where}: ${reason}`);
  }
}

/** Where a character of a text is. */
function placeIn(begin: Place, text: string, at: number): Place {
  const lines = text.slice(0, at).split("\n");
  const column = lines.at(-1)!.length;
  if (lines.length === 1) return { line: begin.line, column: begin.column + column };
  return { line: begin.line + lines.length - 1, column };
}

/** Cuts a text into its JSON values, or one array into its items. It may come in any parts. */
export class ValueSplitter {
  /** How many brackets are open around a value. */
  readonly #level: 0 | 1;
  #depth = 0;
  #inText = false;
  #isEscaped = false;
  /** Whether the piece has more than white space. */
  #hasContent = false;
  /** Whether the array has ended. */
  #isDone = false;
  #parts: Uint8Array[] = [];
  #length = 0;
  #line = 1;
  #column = 0;
  #begin = { line: 1, column: 0 };
  #pieces = 0;

  /** Begins a text of values, or of one array with items. */
  constructor(of: "values" | "items") {
    this.#level = of === "values" ? 0 : 1;
  }

  /** The line that was come to, from 1. */
  get line(): number {
    return this.#line;
  }

  /**
   * The values that are whole with these bytes.
   *
   * @throws {UserError} If a value is too long, or something comes after the array; with its place.
   */
  *push(chunk: Uint8Array): Generator<Piece> {
    const level = this.#level;
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === NEWLINE) {
        this.#line++;
        this.#column = 0;
      } else if ((byte & 0xc0) !== 0x80) {
        this.#column++;
      }
      if (this.#inText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#inText = false;
        continue;
      }
      // A byte-order mark is passed over by whoever decodes.
      if (byte <= SPACE) continue;
      if (this.#isDone) {
        throw new UserError(`line ${this.#line}: goes on after the array has ended`);
      }
      if (byte === QUOTE) this.#inText = true;
      else if (OPENING.includes(byte)) {
        if (this.#depth++ < level) {
          start = i + 1;
          this.#skip();
          continue;
        }
      } else if (CLOSING.includes(byte)) {
        this.#depth--;
        if (level === 0 && this.#depth <= 0) {
          this.#depth = 0;
          yield this.#cut(chunk.subarray(start, i + 1));
          start = i + 1;
          continue;
        }
        if (this.#depth < level) {
          if (this.#hasContent || this.#pieces > 0) yield this.#cut(chunk.subarray(start, i));
          this.#isDone = true;
          start = i + 1;
          continue;
        }
      } else if (byte === COMMA && level === 1 && this.#depth === level) {
        yield this.#cut(chunk.subarray(start, i));
        start = i + 1;
        continue;
      }
      this.#hasContent = true;
    }
    if (this.#isDone) return;
    this.#parts.push(chunk.subarray(start));
    this.#length += chunk.length - start;
    if (this.#length > LONGEST_TEXT) {
      const most = `${LONGEST_TEXT >> 20} MB`;
      throw new UserError(
        `${this.#place()}: is longer than ${most}; is a bracket or a quote not closed? ` +
          "Otherwise write it as JSON lines",
      );
    }
  }

  /**
   * What is left at the end of the text, which is no whole value.
   *
   * @throws {UserError} If nothing is left, but an array is not closed.
   */
  finish(): Piece | undefined {
    if (this.#hasContent) return this.#cut(new Uint8Array());
    if (this.#level === 1 && !this.#isDone) {
      throw new UserError(`line ${this.#line}: ${NOT_CLOSED}`);
    }
    return undefined;
  }

  /** Begins a piece behind the byte that is looked at. */
  #skip(): void {
    this.#parts = [];
    this.#length = 0;
    this.#begin = { line: this.#line, column: this.#column };
    this.#hasContent = false;
  }

  #cut(end: Uint8Array): Piece {
    const bytes = concat([...this.#parts, end]);
    const piece = { bytes, number: ++this.#pieces, ...this.#begin };
    this.#skip();
    return piece;
  }

  #place(): string {
    return this.#level === 1 ? `item ${this.#pieces + 1}` : `line ${this.#begin.line}`;
  }
}
