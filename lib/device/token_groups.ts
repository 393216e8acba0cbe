/**
 * Grouping a batch's rows by token, the host's part of an embedding's gradient.
 *
 * @module
 */

/** The host side of {@link TokenGroups}: what is written to its tensors. */
export interface HostTokenGroups {
  /** The distinct tokens, ascending. */
  tokens: Int32Array;
  /** Where each token's rows start in `rows`; one longer than `tokens`. */
  starts: Int32Array;
  /** Row numbers, token by token, ascending within a token. */
  rows: Int32Array;
}

/**
 * Groups rows by their token with a counting sort.
 *
 * @param ids One token per row, each in [0, vocabSize).
 * @param vocabSize Number of tokens.
 *
 * @example
 * ```ts
 * import { groupTokens } from "@nanochat/sft/device";
 * import { assertEquals } from "@std/assert";
 * const groups = groupTokens(Int32Array.of(5, 2, 5), 8);
 * assertEquals([...groups.tokens], [2, 5]);
 * assertEquals([...groups.starts], [0, 1, 3]);
 * assertEquals([...groups.rows], [1, 0, 2]);
 * ```
 */
export function groupTokens(ids: Int32Array, vocabSize: number): HostTokenGroups {
  const next = new Int32Array(vocabSize + 1);
  for (const id of ids) next[id + 1]++;
  const tokens: number[] = [];
  const starts: number[] = [];
  for (let id = 0; id < vocabSize; id++) {
    if (next[id + 1] > 0) {
      tokens.push(id);
      starts.push(next[id]);
    }
    next[id + 1] += next[id];
  }
  starts.push(ids.length);
  const rows = new Int32Array(ids.length);
  ids.forEach((id, row) => rows[next[id]++] = row);
  return { tokens: Int32Array.from(tokens), starts: Int32Array.from(starts), rows };
}
