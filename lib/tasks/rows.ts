import { UserError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { NumpyGenerator } from "../random/mod.ts";
import { checksumOf, checksumOfText } from "./checksum.ts";

/** The seed that nanochat shuffles every dataset with. */
const SHUFFLE_SEED = 42;
/** Size of the first block of a `CompactRows`, and the most that blocks grow to. */
const FIRST_BLOCK = 1 << 16;
const LARGEST_BLOCK = 1 << 24;

/** One row of a dataset: values by column name. */
export type Row = Record<string, unknown>;

/** The rows of one split of a dataset. */
export interface Rows {
  /** How many rows there are. */
  readonly length: number;
  /** Row `index`, a fresh object each time. */
  get(index: number): Row;
  /** Names row `index` for a person: the dataset and the row's place in it. */
  where(index: number): string;
  /** A checksum of all rows in their order; left out where it is not known. */
  checksum?(): Promise<string>;
}

/**
 * Rows kept as JSON text in a few large buffers and parsed when asked for: half a million
 * conversations cost their text and no more, and the garbage collector never walks them.
 */
export class CompactRows implements Rows {
  readonly #name: string;
  readonly #blocks: Uint8Array<ArrayBuffer>[] = [];
  #used = 0;
  readonly #block: number[] = [];
  readonly #start: number[] = [];
  readonly #end: number[] = [];
  readonly #files: { name: string; start: number }[] = [];
  #checksum: Promise<string> | undefined;

  /** Begins without rows. `name` names the dataset in errors. */
  constructor(name: string) {
    this.#name = name;
  }

  /** How many rows there are. */
  get length(): number {
    return this.#start.length;
  }

  /** Says that the rows to come are those of a file, which is named in errors then. */
  beginFile(name: string): void {
    this.#files.push({ name, start: this.length });
  }

  /** Adds a row. 64-bit integers, which JSON lacks, become numbers. */
  add(row: Row): void {
    const json = JSON.stringify(row, (_, v) => typeof v === "bigint" ? Number(v) : v);
    this.addJson(new TextEncoder().encode(json));
  }

  /** Adds a row that is one JSON object in UTF-8. The bytes are copied. */
  addJson(json: Uint8Array): void {
    this.#checksum = undefined;
    let block = this.#blocks.at(-1);
    if (block === undefined || this.#used + json.length > block.length) {
      const size = Math.min(LARGEST_BLOCK, Math.max(FIRST_BLOCK, 2 * (block?.length ?? 0)));
      block = new Uint8Array(Math.max(size, json.length));
      this.#blocks.push(block);
      this.#used = 0;
    }
    block.set(json, this.#used);
    this.#block.push(this.#blocks.length - 1);
    this.#start.push(this.#used);
    this.#used += json.length;
    this.#end.push(this.#used);
  }

  /** Row `index`, parsed anew. */
  get(index: number): Row {
    const block = this.#blocks[this.#block[index]];
    const json = block.subarray(this.#start[index], this.#end[index]);
    return parseJson(new TextDecoder().decode(json)) as Row;
  }

  /** The dataset's name and the row's number, counted from 0; in its file, if that is known. */
  where(index: number): string {
    const file = this.#files.findLast(({ start }) => start <= index);
    if (file === undefined) return `${this.#name}, row ${index}`;
    return `${this.#name}, ${file.name}, row ${index - file.start}`;
  }

  /** Of all rows, in hexadecimal. */
  checksum(): Promise<string> {
    return this.#checksum ??= this.#hash();
  }

  async #hash(): Promise<string> {
    const parts = this.#blocks.map((block, i) =>
      i === this.#blocks.length - 1 ? block.subarray(0, this.#used) : block
    );
    // Where one row ends and the next begins is a part of them.
    parts.push(new Uint8Array(Float64Array.from(this.#end).buffer));
    const checksums: string[] = [];
    for (const part of parts) checksums.push(await checksumOf(part));
    return await checksumOfText(checksums.join());
  }
}

/** Rows in the order of `datasets.Dataset.shuffle(seed=42)`. */
export function shuffleRows(rows: Rows): Rows {
  const order = new NumpyGenerator(SHUFFLE_SEED).permutation(rows.length);
  return {
    length: rows.length,
    get: (index) => rows.get(order[index]),
    where: (index) => rows.where(order[index]),
    checksum: rows.checksum && (async () => `shuffled ${await rows.checksum!()}`),
  };
}

/** Turns row `index` into `T`, naming the row in the error if `convert` finds fault with it. */
export function convertRow<T>(rows: Rows, index: number, convert: (row: Row) => T): T {
  try {
    return convert(rows.get(index));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${rows.where(index)}: ${error.message}`);
  }
}

/** The text in a column. */
export function textColumn(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new UserError(`column "${column}" is not text`);
  return value;
}

/** The list of texts in a column. */
export function textsColumn(row: Row, column: string): string[] {
  const value = row[column];
  if (!(Array.isArray(value) && value.every((item) => typeof item === "string"))) {
    throw new UserError(`column "${column}" is not a list of texts`);
  }
  return value;
}
