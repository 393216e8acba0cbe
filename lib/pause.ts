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
 * @param signal What may have been aborted in the meantime.
 * @throws The signal's reason, if it was.
 */
export async function pause(signal?: AbortSignal): Promise<void> {
  if (performance.now() - lastPause < INTERVAL) return;
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  lastPause = performance.now();
  signal?.throwIfAborted();
}
