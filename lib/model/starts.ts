/**
 * Rows of packed conversations, and where in them each conversation begins.
 *
 * @module
 */

/** How rows of tokens are read. */
export interface RowsOfTokens {
  /** Tokens of a row. */
  readonly T: number;
  /**
   * The token that begins each packed conversation, where they are isolated: one does not see those
   * before it in its row. Undefined where a row is one text.
   */
  readonly separator?: number;
}

/**
 * Where in its row the conversation of each token begins, from 0; at the row's first token where no
 * separator stands before.
 *
 * @param x (B·T) Tokens.
 *
 * @example
 * ```ts
 * import { startsOf } from "@nanochat/sft/model";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = Int32Array.of(0, 5, 6, 0, 5, 0);
 * assertEquals([...startsOf(rows, { T: 6, separator: 0 })], [0, 0, 0, 3, 3, 5]);
 * ```
 */
export function startsOf(x: Int32Array, { T, separator }: RowsOfTokens): Int32Array {
  const starts = new Int32Array(x.length);
  for (const [n, id] of x.entries()) {
    const t = n % T;
    starts[n] = id === separator ? t : t === 0 ? 0 : starts[n - 1];
  }
  return starts;
}
