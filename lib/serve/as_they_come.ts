/**
 * Several streams as one.
 *
 * @module
 */

/**
 * Reads several sources at once.
 *
 * @yields Each value as it comes, with the place of its source; no source waits for another's end.
 * @throws What the first source that fails throws.
 */
export async function* asTheyCome<T>(
  sources: readonly AsyncIterable<T>[],
): AsyncGenerator<[source: number, value: T], void> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const next = async (source: number) => ({ source, ...await iterators[source].next() });
  const pending = new Map(iterators.map((_, source) => [source, next(source)]));
  while (pending.size > 0) {
    const { source, done, value } = await Promise.race(pending.values());
    pending.delete(source);
    if (done) continue;
    yield [source, value as T];
    // Behind the others, so that one that is always ready does not keep them waiting; and only now,
    // when there is somebody to hear of a failure.
    pending.set(source, next(source));
  }
}
