/**
 * The pickle of a `tiktoken.core.Encoding`, which is what nanochat's `tokenizer.pkl` holds: an
 * instance made without arguments, then given its constructor's four arguments as state.
 */

import { attributesAsMap, unpickle } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import type { TokenizerData } from "./tokenizer.ts";

/**
 * Reads the pickle.
 *
 * @param source What error messages call it.
 * @throws {UserError} If it is no such pickle, or ranks are missing or given twice.
 */
export function readEncoding(pickle: Uint8Array, source: string): TokenizerData {
  const state = unpickle(pickle, {
    globals: { "tiktoken.core.Encoding": attributesAsMap },
    source,
  });
  const invalid = (why: string) => new UserError(`${source} is no tokenizer: ${why}`);
  if (!(state instanceof Map)) throw invalid("it holds something else than a tiktoken Encoding");
  const pattern: unknown = state.get("pat_str");
  const ranks: unknown = state.get("mergeable_ranks");
  const specialTokens: unknown = state.get("special_tokens");
  if (typeof pattern !== "string") throw invalid("it has no split pattern (pat_str)");
  if (!(ranks instanceof Map)) throw invalid("it has no vocabulary (mergeable_ranks)");
  if (!(specialTokens instanceof Map)) throw invalid("it has no special tokens (special_tokens)");

  const tokens = new Array<Uint8Array>(ranks.size);
  for (const [bytes, rank] of ranks) {
    if (!(bytes instanceof Uint8Array)) throw invalid(`its token of rank ${rank} is not bytes`);
    if (!(Number.isInteger(rank) && rank >= 0 && rank < ranks.size) || tokens[rank]) {
      throw invalid(
        `rank ${rank} does not fit: the ranks of ${ranks.size} tokens must count up from 0`,
      );
    }
    tokens[rank] = bytes;
  }
  return { pattern, tokens, specialTokens };
}

/** The largest number of items Python puts into a dict by one opcode. */
const BATCH = 1000;

/** Writes the pickle as Python does (protocol 4), byte for byte. */
export function writeEncoding(encoding: TokenizerData): Uint8Array {
  const out = new PickleWriter();
  out.text("tiktoken.core");
  out.text("Encoding");
  out.opcode("\x93").memoize(); // STACK_GLOBAL
  out.opcode(")\x81").memoize(); // EMPTY_TUPLE, NEWOBJ
  out.dict([
    ["name", () => out.text("rustbpe")],
    ["pat_str", () => out.text(encoding.pattern)],
    [
      "mergeable_ranks",
      () => out.dict(encoding.tokens.map((bytes, rank) => [bytes, () => out.integer(rank)])),
    ],
    [
      "special_tokens",
      () =>
        out.dict([...encoding.specialTokens].map(([name, id]) => [name, () => out.integer(id)])),
    ],
  ]);
  out.opcode("b."); // BUILD, STOP
  return out.finish();
}

/**
 * The few opcodes of protocol 4 that an Encoding needs, memoised as Python does (checkpoints are of
 * protocol 2, without a memo); each is documented in CPython's `pickletools.py`.
 */
class PickleWriter {
  #body: number[] = [];

  opcode(characters: string): this {
    for (const character of characters) this.#body.push(character.charCodeAt(0));
    return this;
  }

  memoize(): void {
    this.opcode("\x94");
  }

  text(value: string): void {
    this.#counted("\x8c", "X", new TextEncoder().encode(value)); // SHORT_BINUNICODE, BINUNICODE
  }

  bytes(value: Uint8Array): void {
    this.#counted("C", "B", value); // SHORT_BINBYTES, BINBYTES
  }

  integer(value: number): void {
    if (value < 0x100) this.opcode("K").#number(value, 1); // BININT1
    else if (value < 0x10000) this.opcode("M").#number(value, 2); // BININT2
    else this.opcode("J").#number(value, 4); // BININT
  }

  dict(items: [key: string | Uint8Array, writeValue: () => void][]): void {
    this.opcode("}").memoize(); // EMPTY_DICT
    for (let start = 0; start < items.length; start += BATCH) {
      const batch = items.slice(start, start + BATCH);
      if (batch.length > 1) this.opcode("("); // MARK
      for (const [key, writeValue] of batch) {
        if (typeof key === "string") this.text(key);
        else this.bytes(key);
        writeValue();
      }
      this.opcode(batch.length > 1 ? "u" : "s"); // SETITEMS, SETITEM
    }
  }

  finish(): Uint8Array {
    const header = new PickleWriter();
    header.opcode("\x80\x04\x95").#number(this.#body.length, 8); // PROTO 4, FRAME
    return Uint8Array.from([...header.#body, ...this.#body]);
  }

  #counted(short: string, long: string, value: Uint8Array): void {
    if (value.length < 0x100) this.opcode(short).#number(value.length, 1);
    else this.opcode(long).#number(value.length, 4);
    for (const byte of value) this.#body.push(byte);
    this.memoize();
  }

  /** Little-endian. */
  #number(value: number, size: number): void {
    for (let i = 0; i < size; i++) this.#body.push(Math.floor(value / 2 ** (8 * i)) & 0xff);
  }
}
