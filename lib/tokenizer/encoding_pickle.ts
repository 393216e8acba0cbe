/**
 * The pickle of a `tiktoken.core.Encoding`, which is what nanochat's `tokenizer.pkl` holds: an
 * instance made without arguments, then given its constructor's four arguments as state.
 */

import { attributesAsMap, unpickle } from "../checkpoint/mod.ts";
import { PickleWriter } from "../checkpoint/pickle_writer.ts";
import { UserError } from "../errors.ts";
import type { TokenizerData } from "./data.ts";

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
  const out = new PickleWriter(4);
  const writeDict = (items: [key: string | Uint8Array, writeValue: () => void][]) => {
    out.emptyDict();
    for (let start = 0; start < items.length; start += BATCH) {
      const batch = items.slice(start, start + BATCH);
      if (batch.length > 1) out.mark();
      for (const [key, writeValue] of batch) {
        if (typeof key === "string") out.text(key);
        else out.bytes(key);
        writeValue();
      }
      if (batch.length > 1) out.setItems();
      else out.setItem();
    }
  };
  out.global("tiktoken.core", "Encoding").emptyTuple().newObject();
  writeDict([
    ["name", () => out.text("rustbpe")],
    ["pat_str", () => out.text(encoding.pattern)],
    [
      "mergeable_ranks",
      () => writeDict(encoding.tokens.map((bytes, rank) => [bytes, () => out.number(rank)])),
    ],
    [
      "special_tokens",
      () =>
        writeDict([...encoding.specialTokens].map(([name, id]) => [name, () => out.number(id)])),
    ],
  ]);
  return out.build().stop();
}
