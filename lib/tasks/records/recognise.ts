/**
 * How a file of text is recognised. By its first character that is no white space:
 *
 * - `{` begins JSON lines if the first line is a whole value, and else values over several lines, one
 *   after another. One object alone in a file may be a wrapper: its only key has the list of records
 *   (see {@linkcode recordsIn}).
 * - `[` begins JSON lines if the first line is a whole value and more lines follow: each is a list of
 *   messages. Else it begins a list, of messages if the first item is a message: a conversation, and
 *   others may follow. With any other first item it is an array of records.
 * - Anything else is CSV if its first line is a header: two names or more, with a comma, a semicolon or
 *   a tab between them.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { harmless } from "../../harmless.ts";
import { findJsonFault, isRecord, parseJson } from "../../json.ts";
import { decodeText } from "../../json_lines.ts";
import { cellsOf } from "./csv.ts";
import { ValueSplitter } from "./json_values.ts";

/** How many of a file's first bytes decide. A longer line is taken for one that goes on. */
export const DECIDING_BYTES = 1 << 20;

/** What a text was recognised as. */
export type TextForm =
  /** A JSON value a line. */
  | { form: "lines" }
  /** JSON values, each over as many lines as it likes. */
  | { form: "values" }
  /** One JSON array, of which the items are records. */
  | { form: "array" }
  /** A table with a header. */
  | { form: "csv"; separator: string };

const FORMS = "JSON lines, a JSON array, CSV with a header (prompt,completion) and parquet";
/** Keys under which programs put a list of records. Others may be those of a list of messages. */
const WRAPPERS = (
  "data dataset rows records items examples samples instances entries train conversations dialogs " +
  "dialogues chats"
).split(" ");
/** JSON as it begins; TOML's `[table]`, Python's `{'role'` and templates' `{{` begin otherwise. */
const JSON_BEGINS = /^(?=[[{])(\[\s*)*(\{\s*(["}]|$)|["\d\]-]|$)/;
const SEPARATORS = [",", ";", "\t"];
/** A column's name: up to three words. Sentences, HTML, YAML and TOML have none in their first line. */
const COLUMN_NAME = /^[\p{L}_][\p{L}\p{N}_./()#-]*( [\p{L}\p{N}_./()#-]+){0,2}$/u;
const MOST_SHOWN = 40;

/**
 * Recognises a text.
 *
 * @param head Its first {@linkcode DECIDING_BYTES} bytes, or all.
 * @returns Nothing if there is but white space.
 * @throws {UserError} If it is of no form that is read: says that it is not UTF-8, or else how it begins
 *   and which forms there are.
 */
export function recogniseText(head: Uint8Array): TextForm | undefined {
  const isWhole = head.length < DECIDING_BYTES;
  const text = new TextDecoder().decode(head).trimStart();
  if (text === "") return undefined;
  const end = text.indexOf("\n");
  const line = (end < 0 ? text : text.slice(0, end)).trimEnd();
  const isLineWhole = end >= 0 || isWhole;
  if (JSON_BEGINS.test(text)) {
    const hasMore = !isWhole || end >= 0 && text.slice(end).trim() !== "";
    const fault = isLineWhole ? findJsonFault(line) : { at: line.length };
    const goesOn = fault !== undefined && fault.at >= line.length;
    if (text.startsWith("{")) {
      const isWrapper = !fault && !hasMore && recordsIn(parseJson(line)) !== undefined;
      return { form: goesOn || isWrapper ? "values" : "lines" };
    }
    if (!goesOn && hasMore) return { form: "lines" };
    if (!isListOfMessages(head)) return { form: "array" };
    return { form: goesOn ? "values" : "lines" };
  }
  const separator = separatorOf(line);
  if (separator !== undefined && isLineWhole) return { form: "csv", separator };
  if (isWhole) decodeText(head);
  const shown = text.slice(0, MOST_SHOWN).replace(/\s+/g, " ").trimEnd();
  const begin = harmless(JSON.stringify(shown + (text.length > MOST_SHOWN ? "…" : "")));
  throw new UserError(`begins with ${begin}, which is no form that is read; these are: ${FORMS}`);
}

/**
 * The records that one value alone in a file wraps, if it does: an object with a single key that has a
 * list. Its items are no messages, and are lists or objects that have a list, as conversations do, or
 * the key is one that programs use for such a list, as `data`.
 */
export function recordsIn(value: unknown): unknown[] | undefined {
  if (!isRecord(value)) return undefined;
  const [key, ...others] = Object.keys(value);
  const list = value[key];
  if (others.length > 0 || !Array.isArray(list) || list.length === 0) return undefined;
  const [first] = list;
  if (isMessage(first)) return undefined;
  const hasList = isRecord(first) && Object.values(first).some(Array.isArray);
  return Array.isArray(first) || hasList || WRAPPERS.includes(key) ? list : undefined;
}

/** Whether an item of a list is a message: its list is a conversation then, and no array of records. */
function isMessage(item: unknown): boolean {
  if (!isRecord(item)) return false;
  return "role" in item && !("messages" in item) || "from" in item && "value" in item;
}

/** Whether a text that begins with `[` begins with a list of messages. */
function isListOfMessages(head: Uint8Array): boolean {
  const [first] = new ValueSplitter("items").push(head);
  if (first === undefined) return false;
  const text = new TextDecoder().decode(first.bytes);
  return findJsonFault(text) === undefined && isMessage(parseJson(text));
}

/** What separates the cells of a line if it is a header. */
function separatorOf(line: string): string | undefined {
  const headers = SEPARATORS.map((separator) => ({
    separator,
    names: cellsOf(line, separator)?.map((name) => name.trim()).filter((name) => name) ?? [],
  }));
  const { separator, names } = headers.reduce((a, b) => b.names.length > a.names.length ? b : a);
  return names.length > 1 && names.every((name) => COLUMN_NAME.test(name)) ? separator : undefined;
}
