/**
 * Byte pair encoding training, giving the merges that nanochat's `rustbpe` gives.
 */

import { UserError } from "../errors.ts";
import { pause } from "../pause.ts";
import { PairHeap } from "./heap.ts";
import { PairTable } from "./pair_table.ts";
import { SPECIAL_TOKENS } from "./special_tokens.ts";
import { compileSplitPattern, SPLIT_PATTERN, splitText } from "./split.ts";
import { Tokenizer } from "./tokenizer.ts";

/** Options of {@linkcode trainTokenizer}. */
export interface TrainTokenizerOptions {
  /** Tokens wanted, the 256 bytes and the 9 special tokens included. */
  vocabSize: number;
  /** How text is split into pieces; merges never cross pieces. Default: nanochat's pattern. */
  pattern?: string;
  /** Called after each merge. */
  onProgress?: (mergesDone: number, mergesWanted: number) => void;
  /** Breaks it off when aborted: its reason is thrown. */
  signal?: AbortSignal;
}

/**
 * Learns a vocabulary from texts.
 *
 * Ids 0 to 255 are the bytes. Then, again and again, the pair of neighbouring tokens that is most
 * frequent in all pieces becomes the next token and replaces the pair wherever it stands, from
 * left to right. Pairs that overlap are all counted (`aaa` has `aa` twice). Of equally frequent
 * pairs the one with the smallest left id, then the smallest right id, is taken, so the result
 * depends on the texts alone and not on their order. The special tokens follow the last merge. A
 * text with too few different pairs gives a smaller vocabulary than was asked for.
 *
 * @returns The tokenizer, in memory; {@linkcode Tokenizer.save} writes it.
 * @throws {UserError} If `vocabSize` has no room for bytes and special tokens.
 *
 * @example
 * ```ts
 * import { trainTokenizer } from "@nanochat/sft/tokenizer";
 * import { assertEquals } from "@std/assert";
 *
 * const tokenizer = await trainTokenizer(["low lower lowest"], { vocabSize: 256 + 9 + 2 });
 * assertEquals(tokenizer.encode("low").map((id) => tokenizer.decode([id])), ["low"]);
 * ```
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainTokenizerOptions,
): Promise<Tokenizer> {
  const { vocabSize, pattern = SPLIT_PATTERN, onProgress, signal } = options;
  const merges = vocabSize - 256 - SPECIAL_TOKENS.length;
  if (!Number.isInteger(merges) || merges < 0) {
    throw new UserError(
      `a vocabulary of ${vocabSize} tokens has no room for 256 bytes and ` +
        `${SPECIAL_TOKENS.length} special tokens: ask for ${256 + SPECIAL_TOKENS.length} or more`,
    );
  }
  const pieces = await countPieces(texts, compileSplitPattern(pattern), signal);
  const corpus = await Corpus.of(pieces, signal);
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  for (let done = 0; done < merges; done++) {
    const pair = corpus.mergeMostFrequent(tokens.length);
    if (!pair) break;
    tokens.push(joined(tokens[pair[0]], tokens[pair[1]]));
    onProgress?.(done + 1, merges);
    await pause(signal);
  }
  const specialTokens = new Map<string, number>(
    SPECIAL_TOKENS.map((name, i) => [name, tokens.length + i]),
  );
  return new Tokenizer({ pattern, tokens, specialTokens });
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(left.length + right.length);
  bytes.set(left);
  bytes.set(right, left.length);
  return bytes;
}

/** A piece of text and how often it occurs. */
interface CountedPiece {
  bytes: Uint8Array;
  count: number;
}

/** Some milliseconds of work. */
const PIECES_PER_PAUSE = 10_000;

async function countPieces(
  texts: Iterable<string> | AsyncIterable<string>,
  splitter: RegExp,
  signal?: AbortSignal,
): Promise<Iterable<CountedPiece>> {
  const encoder = new TextEncoder(), decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const pieces = new Map<string, CountedPiece>();
  let seen = 0;
  for await (const text of texts) {
    for (const piece of splitText(text.toWellFormed(), splitter)) {
      // A text can be a whole file.
      if (seen++ % PIECES_PER_PAUSE === 0) await pause(signal);
      const known = pieces.get(piece);
      if (known) known.count++;
      else {
        const bytes = encoder.encode(piece);
        // A slice as the key would keep the whole text alive; a fresh string does not.
        pieces.set(decoder.decode(bytes), { bytes, count: 1 });
      }
    }
  }
  return pieces.values();
}

/** Ids stay below this, so that a pair of them is one exact number. */
const ID_RANGE = 2 ** 26;

/** All different pieces as tokens, and the count of every pair, kept up to date by each merge. */
class Corpus {
  /** The tokens of piece p are `#ids[#starts[p]]` to `#ids[#starts[p] + #lengths[p] - 1]`. */
  #ids: Int32Array;
  #starts: number[] = [];
  #lengths: number[] = [];
  /** How often each piece occurs. */
  #weights: number[] = [];

  /** Numbers the pairs seen so far; the next two lists go by that number. */
  #pairs = new PairTable(1 << 16);
  #counts: number[] = [];
  /** The pieces a pair may occur in. */
  #places: number[][] = [];
  /**
   * Pairs as (−count, left and right). A pair's count never grows after the merge that made it,
   * so an entry that is out of date stands too early, and is put back with its count when met.
   */
  #queue = new PairHeap(1 << 16);

  /** @param length Bytes of all pieces. */
  private constructor(length: number) {
    this.#ids = new Int32Array(length);
  }

  /** All pieces as their bytes. */
  static async of(pieces: Iterable<CountedPiece>, signal?: AbortSignal): Promise<Corpus> {
    const all = [...pieces].filter(({ bytes }) => bytes.length > 1);
    const corpus = new Corpus(all.reduce((sum, { bytes }) => sum + bytes.length, 0));
    let start = 0;
    for (const [i, { bytes, count }] of all.entries()) {
      if (i % PIECES_PER_PAUSE === 0) await pause(signal);
      corpus.#append(start, bytes, count);
      start += bytes.length;
    }
    for (let left = 0; left < 256; left++) {
      for (let right = 0; right < 256; right++) corpus.#enqueue(left, right);
    }
    return corpus;
  }

  #append(start: number, bytes: Uint8Array, count: number): void {
    const piece = this.#starts.length;
    this.#ids.set(bytes, start);
    this.#starts.push(start);
    this.#lengths.push(bytes.length);
    this.#weights.push(count);
    for (let i = 0; i + 1 < bytes.length; i++) this.#add(bytes[i], bytes[i + 1], count, piece);
  }

  /** Replaces the most frequent pair by a new token and returns the pair, if any is left. */
  mergeMostFrequent(newId: number): [left: number, right: number] | undefined {
    while (this.#queue.size > 0) {
      const queued = -this.#queue.first;
      const right = this.#queue.second % ID_RANGE;
      const left = (this.#queue.second - right) / ID_RANGE;
      this.#queue.pop();
      const pair = this.#pairs.get(left, right);
      if (this.#counts[pair] !== queued) {
        this.#enqueue(left, right);
        continue;
      }
      const places = this.#places[pair];
      this.#places[pair] = [];
      const neighbours = new Set<number>(); // of the new token, itself included
      for (const piece of places) this.#mergeIn(piece, left, right, newId, neighbours);
      for (const neighbour of neighbours) {
        this.#enqueue(newId, neighbour);
        if (neighbour !== newId) this.#enqueue(neighbour, newId);
      }
      return [left, right];
    }
  }

  #mergeIn(piece: number, left: number, right: number, newId: number, neighbours: Set<number>) {
    const ids = this.#ids, weight = this.#weights[piece];
    const start = this.#starts[piece], end = start + this.#lengths[piece];
    let out = start;
    for (let i = start; i < end; i++) {
      if (ids[i] !== left || i + 1 === end || ids[i + 1] !== right) {
        ids[out++] = ids[i];
        continue;
      }
      // What stands before has been merged already, what follows not yet.
      this.#add(left, right, -weight, piece);
      if (out > start) {
        this.#add(ids[out - 1], left, -weight, piece);
        this.#add(ids[out - 1], newId, weight, piece);
        neighbours.add(ids[out - 1]);
      }
      if (i + 2 < end) {
        this.#add(right, ids[i + 2], -weight, piece);
        this.#add(newId, ids[i + 2], weight, piece);
        neighbours.add(ids[i + 2]);
      }
      ids[out++] = newId;
      i++;
    }
    this.#lengths[piece] = out - start;
  }

  #add(left: number, right: number, weight: number, piece: number): void {
    let pair = this.#pairs.get(left, right);
    if (pair < 0) {
      pair = this.#counts.length;
      this.#pairs.set(left, right, pair);
      this.#counts.push(0);
      this.#places.push([]);
    }
    this.#counts[pair] += weight;
    const places = this.#places[pair];
    if (weight > 0 && places[places.length - 1] !== piece) places.push(piece);
  }

  #enqueue(left: number, right: number): void {
    const pair = this.#pairs.get(left, right);
    if (pair >= 0 && this.#counts[pair] > 0) {
      this.#queue.push(-this.#counts[pair], left * ID_RANGE + right);
    }
  }
}
