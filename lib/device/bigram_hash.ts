/**
 * The hash by which a model finds the embedding of two tokens.
 *
 * @module
 */

/** Most tokens of a model with bigrams: of more, a product of the hash would need more than 32 bits. */
export const MOST_BIGRAM_TOKENS = Math.floor((2 ** 32 - 1) / 36313) + 1;

/**
 * Which row of a table of `buckets` rows embeds a token and the one before it, as
 * {@link Operations.bigramIds} says.
 *
 * @param id The token, below {@link MOST_BIGRAM_TOKENS} as the one before.
 * @param previous The token before, negative for none.
 */
export function bigramHash(id: number, previous: number, buckets: number): number {
  const mod = buckets - 1;
  if (previous < 0) return mod;
  return ((Math.imul(36313, id) ^ Math.imul(27191, previous)) >>> 0) % mod;
}
