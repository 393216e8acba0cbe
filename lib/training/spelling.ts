/**
 * nanochat's spelling of names, in which meta files are written.
 *
 * @module
 */

/** A name as nanochat spells it: `maxSeqLen` is `max_seq_len`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** An object with its keys in nanochat's spelling; undefined values become null, Python's None. */
export function spelled(object: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [snakeCase(key), value ?? null]),
  );
}
