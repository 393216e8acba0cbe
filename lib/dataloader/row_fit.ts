/** A conversation as tokens. */
export interface Rendered {
  /** Token ids, beginning with bos. */
  ids: ArrayLike<number>;
  /** For each id 1 if it is trained on, else 0. */
  mask: ArrayLike<number>;
}

/** What becomes of a conversation in a row. */
export interface RowFit {
  /** How many of its tokens a row takes. */
  length: number;
  /** How many do not fit and are lost. */
  lost: number;
  /** Whether text that fits is trained on. */
  isTrained: boolean;
}

/**
 * What becomes of a conversation in a row of T inputs, which has one token more for the targets.
 *
 * @param tokenBytes Bytes of each token, 0 for special ones, which are no text: of an empty answer
 * only its end could be trained on. Without it every token counts as text.
 */
export function fitToRow(
  { ids, mask }: Rendered,
  T: number,
  tokenBytes?: ArrayLike<number>,
): RowFit {
  const length = Math.min(ids.length, T + 1);
  let isTrained = false;
  // What begins a row is nobody's target.
  for (let i = 1; i < length && !isTrained; i++) {
    isTrained = mask[i] === 1 && (tokenBytes === undefined || tokenBytes[ids[i]] > 0);
  }
  return { length, lost: ids.length - length, isTrained };
}
