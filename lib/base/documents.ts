/**
 * Texts to train on, from files to tokens.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { readJsonLines, readLines, wordsFor } from "../json_lines.ts";
import { pause } from "../pause.ts";
import { NumpyGenerator } from "../random/mod.ts";
import { isParquet, openFile, readParquet } from "../tasks/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";

/** One document in this many is held out for validation. */
const HELD_OUT = 20;

/** Some milliseconds of work. */
const CHARACTERS_PER_PAUSE = 50_000;

/** Names of files that hold JSON, packed or not. */
const JSON_FILE = /\.(jsonl|ndjson|json)(\.gz|\.zst)?$/;

/**
 * The documents in files: of a parquet file the column `text`, of JSON lines (`.jsonl`, `.ndjson`,
 * `.json`) the `text` of each, of any other file its whole text. What is packed with gzip or
 * Zstandard is unpacked.
 *
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} If a file cannot be read, is no text, or a line or row has no text; names the
 *   file and line.
 */
export async function* readDocuments(
  paths: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<string> {
  for (const path of paths) {
    for await (const text of readTexts(path, signal)) if (text.trim() !== "") yield text;
  }
}

async function* readTexts(path: string, signal?: AbortSignal): AsyncGenerator<string> {
  if (path.endsWith(".parquet") || await isParquet(path)) yield* readTextColumn(path, signal);
  else if (JSON_FILE.test(path)) yield* readJsonLines(await openFile(path, signal), path, textOf);
  else yield await readWholeText(path, signal);
}

async function* readTextColumn(path: string, signal?: AbortSignal): AsyncGenerator<string> {
  let row = 0;
  for await (const { text } of readParquet(path, ["text"], signal)) {
    row++;
    if (typeof text !== "string") {
      throw new UserError(`${path}, row ${row}: "text" ${wordsFor(text)}; expected text`);
    }
    yield text;
  }
}

function textOf(line: unknown): string {
  const { text } = Object(line);
  if (typeof text === "string") return text;
  const found = text === undefined ? wordsFor(line) : `has a "text" that ${wordsFor(text)}`;
  throw new UserError(`${found}; expected an object with a text as "text"`);
}

async function readWholeText(path: string, signal?: AbortSignal): Promise<string> {
  const lines: string[] = [];
  for await (const { text } of readLines(await openFile(path, signal), path)) lines.push(text);
  try {
    return lines.join("");
  } catch {
    throw new UserError(`${path} is too long for one text; split it into several files`);
  }
}

/** Documents as tokens, each beginning with bos. */
export interface TokenizedDocuments {
  /** To train on, shuffled. */
  train: Int32Array[];
  /** To measure on: a twentieth of all, shuffled. */
  heldOut: Int32Array[];
}

/**
 * Encodes documents, shuffles them, and holds a twentieth out for validation.
 *
 * A document longer than a row is continued in further documents, each begun with bos, so that
 * nothing of a book is lost in short rows. All of one text is either trained on or held out.
 *
 * @param texts The documents.
 * @param tokenizer What they are encoded with.
 * @param rowLength Tokens of a row, bos included.
 * @param seed Decides the order.
 * @param onText Called with the characters of each document.
 * @param signal Breaks it off when aborted: its reason is thrown.
 */
export async function tokenizeDocuments(
  texts: Iterable<string> | AsyncIterable<string>,
  tokenizer: Tokenizer,
  rowLength: number,
  seed: number,
  onText: (characters: number) => void = () => {},
  signal?: AbortSignal,
): Promise<TokenizedDocuments> {
  const encoded: Int32Array[] = [];
  for await (const text of texts) {
    const parts: Int32Array[] = [];
    for (const ids of tokenizer.encodeInParts(text, CHARACTERS_PER_PAUSE)) {
      parts.push(Int32Array.from(ids));
      await pause(signal);
    }
    encoded.push(concat(parts));
    onText(text.length);
  }
  const order = new NumpyGenerator(seed).permutation(encoded.length);
  const shuffled = Array.from(order, (index) => encoded[index]);
  const held = Math.ceil(encoded.length / HELD_OUT);
  const parts = (documents: Int32Array[]) =>
    shuffle(documents.flatMap((ids) => rowParts(ids, tokenizer.bosId, rowLength)), seed);
  return { heldOut: parts(shuffled.slice(0, held)), train: parts(shuffled.slice(held)) };
}

function concat(parts: readonly Int32Array[]): Int32Array {
  const whole = new Int32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function rowParts(ids: Int32Array, bosId: number, rowLength: number): Int32Array[] {
  const parts: Int32Array[] = [];
  for (let start = 0; start < ids.length; start += rowLength - 1) {
    const rest = ids.subarray(start, start + rowLength - 1);
    const part = new Int32Array(1 + rest.length);
    part[0] = bosId;
    part.set(rest, 1);
    parts.push(part);
  }
  return parts;
}

function shuffle<T>(items: readonly T[], seed: number): T[] {
  return Array.from(new NumpyGenerator(seed).permutation(items.length), (index) => items[index]);
}
