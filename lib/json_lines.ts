/**
 * Reading text line by line, and JSON lines: one JSON value a line.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import { parseJson } from "./json.ts";

const NEWLINE = 0x0a;

/** The lines of a stream, as bytes without their newline. A last newline makes no empty line. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, start)) >= 0; start = end + 1) {
      const rest = chunk.subarray(start, end);
      yield parts.length === 0 ? rest : concat([...parts, rest]);
      parts = [];
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield concat(parts);
}

function concat(parts: Uint8Array[]): Uint8Array {
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
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 0;
  try {
    for await (const bytes of readLines(stream)) {
      line++;
      const text = decoder.decode(bytes);
      if (text.trim() !== "") yield convert(parseJson(text), bytes);
    }
  } catch (error) {
    const where = line === 0 ? name : `${name}, line ${line}`;
    throw new UserError(`${where}: ${(error as Error).message}`, { cause: error });
  }
}
