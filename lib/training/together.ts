/**
 * Work that ranks do each for itself between two collectives, of which all must know how it ended.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { SINGLE } from "../ranks/mod.ts";
import type { RunIo } from "./io.ts";

/** How a rank's work ended. */
const ENDS = { done: 0, stopped: 1, failed: 2 };

/**
 * Runs something on every rank. Where it fails on one it fails on all, so that none waits for it in
 * the next collective: the one throws its error, and the others theirs, which names the rank. Where
 * one was stopped, all are.
 *
 * @returns What it gave on this rank.
 * @throws {UserError} that of the first rank on which it failed; the signal's reason where one was
 * stopped.
 */
export async function together<T>(
  { ranks = SINGLE, signal, stop }: Pick<RunIo, "ranks" | "signal" | "stop">,
  run: () => Promise<T>,
): Promise<T> {
  if (ranks.worldSize === 1) return await run();
  let result: T | undefined, error: unknown;
  let end = ENDS.done;
  try {
    result = await run();
  } catch (thrown) {
    error = thrown;
    end = signal.aborted && thrown === signal.reason ? ENDS.stopped : ENDS.failed;
  }
  const ends = (await ranks.gather(Uint8Array.of(end))).map(([end]) => end);
  const failed = ends.indexOf(ENDS.failed);
  if (failed >= 0) {
    const message = await tell(ranks, failed, error);
    throw end === ENDS.failed ? error : new UserError(`rank ${failed}: ${message}`);
  }
  if (ends.includes(ENDS.stopped)) {
    stop?.();
    throw signal.reason;
  }
  return result!;
}

/** Tells the other ranks what happened on one. */
async function tell(
  ranks: NonNullable<RunIo["ranks"]>,
  root: number,
  error: unknown,
): Promise<string> {
  const message = error instanceof Error ? error.message : String(error);
  const text = new TextEncoder().encode(message);
  const length = Int32Array.of(text.length);
  const [[bytes]] = [await ranks.gather(length)].map((all) => all[root]);
  const told = ranks.rank === root ? text : new Uint8Array(bytes);
  await ranks.broadcast(told, root);
  return new TextDecoder().decode(told);
}
