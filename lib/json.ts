/**
 * JSON as Python reads and writes it: with `NaN`, `Infinity` and `-Infinity` as numbers.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import { harmless } from "./harmless.ts";

/** Whether a value is an object, and neither null nor a list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What stands for each number that JSON lacks while a text is parsed, of the same length, so that
 * errors name the right column. No program spells zero as NaN's does.
 */
const STAND_INS = new Map([["NaN", "0E9"], ["Infinity", "1E999   "], ["-Infinity", "-1E999   "]]);

/** What begins or ends a string, an escape in one, or such a number by itself. */
const QUOTES_AND_NUMBERS = /"|\\.|(?<![\w.+-])(?:NaN|-?Infinity)(?![\w.+-])/gs;

/**
 * Parses JSON, Python's too. A byte-order mark before it is passed over.
 *
 * @throws {UserError} if it is no JSON; the one line says why, and where as the engine says it.
 */
export function parseJson(text: string): unknown {
  const json = text.startsWith("\ufeff") ? text.slice(1) : text;
  try {
    return JSON.parse(json);
  } catch {
    // Either Python's, or none.
  }
  try {
    return JSON.parse(withStandIns(json), (_, value: unknown, context?: { source?: string }) => {
      return context?.source === STAND_INS.get("NaN") ? NaN : value;
    });
  } catch (error) {
    // The engine quotes the text.
    const reason = harmless((error as Error).message.replace(/\s+/g, " "));
    const says = reason.endsWith("is not valid JSON");
    throw new UserError(says ? reason : `is not valid JSON: ${reason}`, { cause: error });
  }
}

/** The text with what stands for numbers that JSON lacks. */
function withStandIns(json: string): string {
  let isText = false;
  return json.replace(QUOTES_AND_NUMBERS, (found) => {
    if (found === '"') isText = !isText;
    return isText ? found : STAND_INS.get(found) ?? found;
  });
}

/** Where a text is no JSON, and why. */
export interface JsonFault {
  /** Position of the character at fault; the text's length if it only ends too early. */
  at: number;
  /** The engine's words. */
  reason: string;
}

/** The first fault of a text that {@linkcode parseJson} refuses; nothing if it does not. */
export function findJsonFault(text: string): JsonFault | undefined {
  const json = withStandIns(text.replace(/^\ufeff/, " "));
  const fault = faultOf(json);
  if (!fault || fault.at !== undefined) return fault as JsonFault | undefined;
  // The engine does not say where a token is that it did not expect: what ends before it is cut off.
  let low = 0, high = json.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const part = faultOf(json.slice(0, middle + 1));
    if (!part || part.at === middle + 1) low = middle + 1;
    else high = middle;
  }
  return { ...fault, at: low };
}

function faultOf(json: string): { at?: number; reason: string } | undefined {
  try {
    JSON.parse(json);
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    const reason = harmless(message.replace(/, [".].*|( in JSON)? at position .*/s, ""));
    const isCut = /^Unexpected end|^Unterminated/.test(message);
    const at = isCut ? json.length : Number(/ at position (\d+)/.exec(message)?.[1] ?? NaN);
    return { at: Number.isNaN(at) ? undefined : at, reason };
  }
}

/** Marks a number that JSON lacks on its way through `JSON.stringify`. */
const MARK = "\0number ";

/** Writes JSON as Python does, with numbers that JSON lacks by their names; `indent` as there. */
export function formatJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(
    value,
    (_, item: unknown) =>
      typeof item === "number" && !Number.isFinite(item) ? `${MARK}${item}` : item,
    indent,
  );
  return json.replace(/"\\u0000number (NaN|-?Infinity)"/g, "$1");
}

/** V8's way to say how a value is spelled in JSON; TypeScript does not know it yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** A number that JSON writes so that Python reads a float: 15 as `15.0`. */
export function pythonFloat(value: number): unknown {
  return rawJSON(Number.isInteger(value) ? value.toFixed(1) : String(value));
}
