/**
 * The hash by which a model finds the embedding of two tokens.
 *
 * @module
 */

/**
 * Which row of a table of `buckets` rows embeds a token and the one before it, as
 * {@link Operations.bigramIds} says.
 *
 * @param previous The token before, negative for none.
 */
export function bigramHash(id: number, previous: number, buckets: number): number {
  const mod = buckets - 1;
  if (previous < 0) return mod;
  return ((Math.imul(36313, id) ^ Math.imul(27191, previous)) >>> 0) % mod;
}
