/** Plain, slow versions of what the tokenizer does, and the fixtures' rows. */

import { fromFileUrl } from "@std/path";
import type { Conversation } from "../../lib/conversation.ts";

/** The reference tokenizer's directory. */
export const TOKENIZER_DIRECTORY: string = fromFileUrl(
  new URL("../fixtures/tokenizer", import.meta.url),
);

/** What `tokens.json` has about the tokenizer. */
export interface ReferenceRows {
  encode: { text: string; ids: number[] }[];
  conversations: {
    task: string;
    index: number;
    conversation: Conversation;
    ids: number[];
    mask: number[];
    completion_prompt_ids?: number[];
  }[];
}

/** Reads `tokens.json`. */
export async function readReferenceRows(): Promise<ReferenceRows> {
  return JSON.parse(
    await Deno.readTextFile(new URL("../fixtures/tokens.json", import.meta.url)),
  );
}

/** A small generator of numbers in [0, 1), so that random tests repeat (mulberry32). */
export function randomNumbers(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const FRAGMENTS = [
  ..."'aZéß漢12٣Ⅷ½!_🙂𝒜𐄀ªʰ\r\n\t\u000b\u001c\u0085\u00a0\u200b\u2028\u3000\ufeff\ufffd\0",
  ..."'s 'S 'ſ 'LL 've 'Re the <|bos|> e\u0301 ... \r\n".split(" "),
  " ",
  "  ",
  "   ",
];

/** Random text in which everything the split pattern tells apart meets everything else. */
export function randomText(random: () => number, maxFragments: number): string {
  let text = "";
  for (let n = Math.ceil(random() * maxFragments); n > 0; n--) {
    if (random() < 0.8) text += FRAGMENTS[Math.floor(random() * FRAGMENTS.length)];
    else text += String.fromCodePoint(Math.floor(random() * [0x80, 0x3000, 0x20000][n % 3]));
  }
  return text.toWellFormed();
}

/** nanochat's split pattern as a scanner written by hand, alternative by alternative. */
export function scanPieces(text: string): string[] {
  const chars = [...text];
  const letter = (i: number) => i < chars.length && /\p{L}/u.test(chars[i]);
  const number = (i: number) => i < chars.length && /\p{N}/u.test(chars[i]);
  const space = (i: number) => i < chars.length && /\p{White_Space}/u.test(chars[i]);
  const newline = (i: number) => chars[i] === "\r" || chars[i] === "\n";
  const other = (i: number) => i < chars.length && !letter(i) && !number(i) && !space(i);
  const pieceEnd = (start: number): number => {
    let end = start;
    // '(?i:[sdmt]|ll|ve|re), where ſ folds to s
    if (chars[start] === "'") {
      const one = (chars[start + 1] ?? "").toLowerCase(),
        two = (chars[start + 2] ?? "").toLowerCase();
      if (["s", "d", "m", "t", "ſ"].includes(one)) return start + 2;
      if (["ll", "ve", "re"].includes(one + two)) return start + 3;
    }
    // [^\r\n\p{L}\p{N}]?+\p{L}+
    if (!newline(end) && !letter(end) && !number(end)) end++;
    if (letter(end)) {
      while (letter(end)) end++;
      return end;
    }
    // \p{N}{1,2}
    if (number(start)) return number(start + 1) ? start + 2 : start + 1;
    //  ?[^\s\p{L}\p{N}]++[\r\n]*
    end = chars[start] === " " ? start + 1 : start;
    if (other(end)) {
      while (other(end)) end++;
      while (newline(end)) end++;
      return end;
    }
    // \s*[\r\n]
    end = start;
    while (space(end)) end++;
    for (let last = end - 1; last >= start; last--) if (newline(last)) return last + 1;
    // \s+(?!\S)|\s+
    return end === chars.length || end === start + 1 ? end : end - 1;
  };
  const pieces: string[] = [];
  for (let start = 0; start < chars.length;) {
    const end = pieceEnd(start);
    pieces.push(chars.slice(start, end).join(""));
    start = end;
  }
  return pieces;
}

/** Merges the lowest rank first, the leftmost of equals, looking at every pair each time. */
export function mergeNaively(bytes: Uint8Array, tokens: readonly Uint8Array[]): number[] {
  const rankOf = new Map(tokens.map((token, rank) => [token.join(), rank]));
  const parts = Array.from(bytes, (byte) => [byte]);
  for (;;) {
    let best = Infinity, at = -1;
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = rankOf.get([...parts[i], ...parts[i + 1]].join()) ?? Infinity;
      if (rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return parts.map((part) => rankOf.get(part.join())!);
    parts.splice(at, 2, [...parts[at], ...parts[at + 1]]);
  }
}

/** BPE training that counts all pairs anew for each merge; the bytes of each token. */
export function trainNaively(texts: string[], vocabSize: number): Uint8Array[] {
  const encoder = new TextEncoder();
  let words = texts.flatMap(scanPieces).map((piece) => Array.from(encoder.encode(piece)));
  const tokens = Array.from({ length: 256 }, (_, byte) => [byte]);
  while (tokens.length < vocabSize) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = `${word[i]},${word[i + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const ranked = [...counts].map(([pair, count]) => [...pair.split(",").map(Number), count]);
    ranked.sort((a, b) => b[2] - a[2] || a[0] - b[0] || a[1] - b[1]);
    if (ranked.length === 0) break;
    const [left, right] = ranked[0];
    const id = tokens.length;
    tokens.push([...tokens[left], ...tokens[right]]);
    words = words.map((word) => {
      const merged: number[] = [];
      for (let i = 0; i < word.length; i++) {
        if (word[i] === left && word[i + 1] === right) {
          merged.push(id);
          i++;
        } else merged.push(word[i]);
      }
      return merged;
    });
  }
  return tokens.map((token) => Uint8Array.from(token));
}
