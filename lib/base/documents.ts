/**
 * Texts to train on, from files to tokens.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { readJsonLines } from "../json_lines.ts";
import { pause } from "../pause.ts";
import { NumpyGenerator } from "../random/mod.ts";
import { openFile } from "../tasks/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";

/** One document in this many is held out for validation. */
const HELD_OUT = 20;

/**
 * The documents in files: of a `.jsonl` file the `text` of each line, of any other file its whole
 * text. Files that end in `.gz` are unpacked.
 *
 * @throws {UserError} If a file cannot be read or a line has no text; names the file and line.
 */
export async function* readDocuments(paths: readonly string[]): AsyncGenerator<string> {
  for (const path of paths) {
    const stream = await openFile(path);
    const isJson = /\.jsonl(\.gz)?$/.test(path);
    const texts = isJson ? readJsonLines(stream, path, textOf) : readWholeText(stream, path);
    for await (const text of texts) if (text.trim() !== "") yield text;
  }
}

function textOf(line: unknown): string {
  const { text } = Object(line);
  if (typeof text !== "string") throw new UserError('it has no "text"');
  return text;
}

async function* readWholeText(
  stream: ReadableStream<Uint8Array>,
  path: string,
): AsyncGenerator<string> {
  try {
    yield await new Response(stream).text();
  } catch (error) {
    throw new UserError(`${path}: ${(error as Error).message}`, { cause: error });
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
    encoded.push(Int32Array.from(tokenizer.encode(text)));
    onText(text.length);
    await pause(signal);
  }
  const order = new NumpyGenerator(seed).permutation(encoded.length);
  const shuffled = Array.from(order, (index) => encoded[index]);
  const held = Math.ceil(encoded.length / HELD_OUT);
  const parts = (documents: Int32Array[]) =>
    shuffle(documents.flatMap((ids) => rowParts(ids, tokenizer.bosId, rowLength)), seed);
  return { heldOut: parts(shuffled.slice(0, held)), train: parts(shuffled.slice(held)) };
}

function rowParts(ids: Int32Array, bosId: number, rowLength: number): Int32Array[] {
  const parts: Int32Array[] = [];
  for (let start = 0; start < ids.length; start += rowLength - 1) {
    parts.push(Int32Array.of(bosId, ...ids.subarray(start, start + rowLength - 1)));
  }
  return parts;
}

function shuffle<T>(items: readonly T[], seed: number): T[] {
  return Array.from(new NumpyGenerator(seed).permutation(items.length), (index) => items[index]);
}
