/**
 * The merges behind a vocabulary. tiktoken keeps none: it joins any neighbours whose bytes are a
 * token, the lowest rank first. A `tokenizer.json` lists them, each as the two tokens it joins.
 */

/** Byte strings as Latin-1 text, which can be the key of a map. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Two tokens that become one. */
export interface Merge {
  /** The bytes of the left one, as Latin-1 text. */
  left: string;
  /** The bytes of the right one. */
  right: string;
}

/**
 * The last merge of each token, in the order of their ranks.
 *
 * One for each is all that tiktoken ever does: where a token comes out of a text, no merge crossed
 * its ends, so within them it went as it goes with the token alone. A single byte has none, nor has
 * a token that merges never make, which tiktoken takes for whole pieces only.
 *
 * @param tokens The bytes of each token as Latin-1 text; the index is its rank.
 */
export function mergesOf(tokens: readonly string[]): Merge[] {
  const rankOf = new Map(tokens.map((token, rank) => [token, rank]));
  return tokens.flatMap((token) => lastMerge(token, rankOf) ?? []);
}

function lastMerge(token: string, rankOf: ReadonlyMap<string, number>): Merge | undefined {
  const parts = token.split("");
  const ranks = parts.slice(1).map((part, i) => rankOf.get(parts[i] + part) ?? Infinity);
  while (parts.length > 1) {
    let at = 0;
    for (let i = 1; i < ranks.length; i++) if (ranks[i] < ranks[at]) at = i;
    if (ranks[at] === Infinity) return undefined;
    const [left, right] = parts.splice(at, 2, parts[at] + parts[at + 1]);
    if (parts.length === 1) return { left, right };
    ranks.splice(at, 1);
    const rank = (i: number) => rankOf.get(parts[i] + parts[i + 1]) ?? Infinity;
    if (at > 0) ranks[at - 1] = rank(at - 1);
    if (at < ranks.length) ranks[at] = rank(at);
  }
}
