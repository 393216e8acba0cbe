/**
 * Reading text line by line, and JSON lines: one JSON value a line.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import { parseJson } from "./json.ts";
import { isAbort, pause } from "./pause.ts";

const NEWLINE = 0x0a;
const DECODER = new TextDecoder("utf-8", { fatal: true });
/** Most bytes that are decoded at once: the engine's strings have at most 2^29 characters. */
export const LONGEST_TEXT = 1 << 28;
/** Most keys that {@linkcode wordsFor} names, and most characters of one. */
const MOST_KEYS = 12, LONGEST_KEY = 40;

/** A line of a text. */
export interface TextLine {
  /** Which line of the file it is, from 1. */
  number: number;
  /** Its characters, those that end it included. */
  text: string;
  /** The same in UTF-8. */
  bytes: Uint8Array;
}

/**
 * The lines of a text. Only a line feed ends a line (with the carriage return that may stand before
 * it): U+2028 and the like are characters as others.
 *
 * @param stream The text, in UTF-8, with or without a byte-order mark.
 * @param name What to call the file in errors.
 * @throws {UserError} Names the line that is no text, or after which the stream breaks off.
 * @throws What a signal that was aborted broke the stream off with.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  name: string,
): AsyncGenerator<TextLine> {
  let number = 0;
  try {
    for await (const bytes of splitLines(stream)) {
      number++;
      yield { number, text: decodeText(bytes), bytes };
    }
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new UserError(`${placeOf(name, number)}: ${(error as Error).message}`, { cause: error });
  }
}

function placeOf(name: string, line: number): string {
  return line === 0 ? name : `${name}, line ${line}`;
}

/**
 * The text that bytes are in UTF-8.
 *
 * @throws {UserError} If they are no text, or too many for one; says what to do.
 */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length > LONGEST_TEXT) {
    throw new UserError(`is longer than ${LONGEST_TEXT >> 20} MB, so it cannot be read at once`);
  }
  let text: string;
  try {
    text = DECODER.decode(bytes);
  } catch {
    throw new UserError("is not UTF-8 text; save the file in UTF-8");
  }
  if (text.includes("\0")) {
    throw new UserError("has a NUL character, so it is not text in UTF-8; save the file in UTF-8");
  }
  return text;
}

/** The lines of a stream, each with its newline. */
async function* splitLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  for await (const chunk of stream) {
    await pause();
    let start = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, start) + 1) > 0; start = end) {
      parts.push(chunk.subarray(start, end));
      yield concat(parts);
      parts = [];
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield concat(parts);
}

/** Bytes that came in parts; a single part is given as it is. */
export function concat(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Reads JSON lines. Empty lines are passed over.
 *
 * @param stream The lines, in UTF-8.
 * @param name What to call the file in errors.
 * @param convert What is yielded of each value; it also gets the line's bytes.
 * @throws {UserError} Names the line that is not JSON or that `convert` finds fault with, or after
 *   which the stream breaks off.
 */
export async function* readJsonLines<T>(
  stream: ReadableStream<Uint8Array>,
  name: string,
  convert: (value: unknown, bytes: Uint8Array) => T,
): AsyncGenerator<T> {
  let values = 0;
  for await (const { number, text, bytes } of readLines(stream, name)) {
    if (text.trim() === "") continue;
    let converted: T;
    try {
      converted = convert(parseLine(text, values++ === 0), bytes);
    } catch (error) {
      throw new UserError(`${placeOf(name, number)}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    yield converted;
  }
}

function parseLine(text: string, isFirst: boolean): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (isFirst && /^\s*[[{](.*[[{,:])?\s*$/s.test(text)) {
      throw new UserError(
        "begins JSON that goes on over several lines; expected JSON Lines, a whole value a line " +
          "(the program jq writes an array so: jq -c '.[]')",
      );
    }
    throw error;
  }
}

/**
 * What a value is that is not what was expected, in words that continue a place:
 * `has the keys "prompt", "completion"`, `is a list`, `is null`.
 */
export function wordsFor(value: unknown): string {
  if (value === null) return "is null";
  if (Array.isArray(value)) return "is a list";
  if (value instanceof Uint8Array) return "is bytes that are no text in UTF-8";
  if (typeof value !== "object") return value === undefined ? "is missing" : `is a ${typeof value}`;
  const keys = Object.keys(value);
  if (keys.length === 0) return "is an object without keys";
  const named = keys.slice(0, MOST_KEYS).map((key) => JSON.stringify(key.slice(0, LONGEST_KEY)));
  const more = keys.length > MOST_KEYS ? ", …" : "";
  return `has the ${keys.length === 1 ? "key" : "keys"} ${named.join(", ")}${more}`;
}
