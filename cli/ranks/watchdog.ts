/** A watch over a rank that waits for others that no longer answer. */

/** How long a rank waits for the others before it takes them for lost, in milliseconds. */
const PATIENCE = 30 * 60_000;

/** What waits for other ranks. */
export interface Waiting {
  /** Since when, by `performance.now()`; undefined while nothing waits. */
  readonly waitingSince: number | undefined;
}

/**
 * Looks now and then how long a rank has waited. What started the ranks ends them all where one
 * dies; this is for what it does not see, such as a network that swallows every message.
 *
 * @param giveUp Told once, with the minutes.
 * @returns Ends the watch.
 */
export function watch(
  ranks: Waiting,
  giveUp: (minutes: number) => void,
  patience = PATIENCE,
): () => void {
  const timer = setInterval(() => {
    const { waitingSince } = ranks;
    if (waitingSince === undefined || performance.now() - waitingSince < patience) return;
    clearInterval(timer);
    giveUp(patience / 60_000);
  }, patience / 100);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}
