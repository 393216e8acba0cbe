/** Times of work that a GPU does while the host goes on. */

import type { Settings } from "./part.ts";

/** A measurement takes at least so long, in milliseconds: waiting alone takes WebGPU ten. */
const LEAST_MS = 400, SHORT_MS = 20;

/** It is repeated so often; the fastest counts. */
const RUNS = 3;

/**
 * Milliseconds of a piece of work, of which many are handed over before they are waited for.
 *
 * @param run Hands one over.
 * @param wait Waits until all have run.
 */
export async function millisecondsOf(
  run: () => void,
  wait: () => Promise<unknown>,
  { short }: Settings,
): Promise<number> {
  const timed = async (count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) run();
    await wait();
    return performance.now() - start;
  };
  // The first run also waits for the compiler.
  await timed(1);
  const leastMs = short ? SHORT_MS : LEAST_MS;
  let count = 1, ms = await timed(count);
  while (ms < leastMs) {
    count = Math.ceil(count * Math.min(16, Math.max(2, 1.2 * leastMs / ms)));
    ms = await timed(count);
  }
  for (let i = 1; i < RUNS; i++) ms = Math.min(ms, await timed(count));
  return ms / count;
}
