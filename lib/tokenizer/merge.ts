/**
 * The merge loop of byte pair encoding (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909),
 * with the order tiktoken uses: of all neighbours whose joined bytes are a token, the lowest rank
 * is merged first, the leftmost of equals; a token's rank is its id.
 */

import { UserError } from "../errors.ts";
import { PairHeap } from "./heap.ts";
import { PairTable } from "./pair_table.ts";

const NO_MERGE = 0x7fffffff;
/** Up to this many bytes a scan for the lowest rank beats a heap. */
const SHORT = 96;

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Turns the bytes of a piece into token ids. */
export class Merger {
  #idOfByte = new Int32Array(256).fill(-1);
  #pairs: PairTable;
  #shortIds = new Int32Array(SHORT);
  #shortRanks = new Int32Array(SHORT);

  /**
   * @param tokens The bytes of each token; the index is its rank.
   * @throws {UserError} If one of the 256 single bytes is no token.
   */
  constructor(tokens: readonly Uint8Array[]) {
    // Byte strings as Latin-1 strings: they can be map keys. Only used here, while loading.
    const names = tokens.map(latin1);
    const idOf = new Map(names.map((name, id) => [name, id]));
    // A token may be a run of a million spaces: only lengths that tokens have are tried.
    const lengths = new Set(names.map(({ length }) => length));
    const ascending = [...lengths].sort((a, b) => a - b);
    this.#pairs = new PairTable(tokens.length * 2);
    names.forEach((name, id) => {
      if (name.length === 1) this.#idOfByte[name.charCodeAt(0)] = id;
      for (const split of ascending) {
        if (split >= name.length) break;
        if (!lengths.has(name.length - split)) continue;
        const left = idOf.get(name.slice(0, split));
        const right = left === undefined ? undefined : idOf.get(name.slice(split));
        if (right !== undefined) this.#pairs.set(left!, right, id);
      }
    });
    const missing = this.#idOfByte.indexOf(-1);
    if (missing >= 0) throw new UserError(`the tokenizer has no token for the byte ${missing}`);
  }

  /** The ids of a piece. */
  merge(bytes: Uint8Array): number[] {
    return bytes.length <= SHORT ? this.#mergeByScan(bytes) : this.#mergeByHeap(bytes);
  }

  /** The id that two neighbours become, which is also their rank, or {@linkcode NO_MERGE}. */
  #rank(left: number, right: number): number {
    const rank = this.#pairs.get(left, right);
    return rank < 0 ? NO_MERGE : rank;
  }

  #mergeByScan(bytes: Uint8Array): number[] {
    const length = bytes.length;
    const ids = this.#shortIds;
    const ranks = this.#shortRanks; // ranks[i]: what ids[i] and ids[i + 1] become
    for (let i = 0; i < length; i++) ids[i] = this.#idOfByte[bytes[i]];
    for (let i = 0; i + 1 < length; i++) ranks[i] = this.#rank(ids[i], ids[i + 1]);
    let count = length;
    while (count > 1) {
      let at = 0;
      for (let i = 1; i < count - 1; i++) if (ranks[i] < ranks[at]) at = i;
      if (ranks[at] === NO_MERGE) break;
      ids[at] = ranks[at];
      count--;
      for (let i = at + 1; i < count; i++) {
        ids[i] = ids[i + 1];
        ranks[i] = ranks[i + 1];
      }
      if (at > 0) ranks[at - 1] = this.#rank(ids[at - 1], ids[at]);
      if (at + 1 < count) ranks[at] = this.#rank(ids[at], ids[at + 1]);
    }
    return Array.from(ids.subarray(0, count));
  }

  /** O(n log n): a linked list of tokens and a heap of merges, stale ones skipped when met. */
  #mergeByHeap(bytes: Uint8Array): number[] {
    const length = bytes.length;
    // Entry i of each speaks of the token that begins at byte i.
    const ids = new Int32Array(length);
    const ranks = new Int32Array(length).fill(NO_MERGE);
    const next = new Int32Array(length);
    const previous = new Int32Array(length);
    const heap = new PairHeap(length);
    const offer = (at: number) => {
      ranks[at] = next[at] < length ? this.#rank(ids[at], ids[next[at]]) : NO_MERGE;
      if (ranks[at] !== NO_MERGE) heap.push(ranks[at], at);
    };
    for (let i = 0; i < length; i++) {
      ids[i] = this.#idOfByte[bytes[i]];
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    for (let i = 0; i < length; i++) offer(i);
    while (heap.size > 0) {
      const rank = heap.first, at = heap.second;
      heap.pop();
      if (ranks[at] !== rank) continue;
      const swallowed = next[at];
      ranks[swallowed] = NO_MERGE;
      ids[at] = rank;
      next[at] = next[swallowed];
      if (next[at] < length) previous[next[at]] = at;
      offer(at);
      if (previous[at] >= 0) offer(previous[at]);
    }
    const merged: number[] = [];
    for (let i = 0; i < length; i = next[i]) merged.push(ids[i]);
    return merged;
  }
}
