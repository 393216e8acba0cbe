/**
 * Letting signals, timers and requests have their turn in the middle of long work.
 *
 * @module
 */

/**
 * Milliseconds of work between two pauses. A timer of 0 takes 2 ms in Deno and 4 in browsers, so
 * pauses take 1 or 2% of the time at most, and nobody waits longer than this for their turn.
 */
const INTERVAL = 200;

let lastPause = -Infinity;

/**
 * Lets everything that waits have its turn, unless it just had: call it wherever a loop could
 * otherwise run for long without waiting for something outside. It waits for a timer because Deno
 * looks for signals only when it has nothing to do: turns of `setImmediate` delay them by dozens.
 *
 * @param signal What may have asked for the end of the loop meanwhile.
 * @param interval Milliseconds of work between two pauses, where others shall wait less for theirs.
 * @throws the signal's reason, if it was aborted.
 */
export async function pause(signal?: AbortSignal, interval: number = INTERVAL): Promise<void> {
  if (performance.now() - lastPause >= interval) {
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    lastPause = performance.now();
  }
  signal?.throwIfAborted();
}

/** Whether an error says that a signal was aborted, which is no fault of what was broken off. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/**
 * What a promise gives, or the signal's reason thrown as soon as it is aborted: for work that
 * cannot be broken off but need not be waited for.
 */
export async function unlessAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return await promise;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
