/**
 * Work that ranks do each for itself between two collectives, of which all must know how it ended.
 *
 * @module
 */
import { type ErrorDetail, UserError } from "../errors.ts";
import { gatherTexts } from "./gather_texts.ts";
import type { Ranks } from "./ranks.ts";
import { SINGLE } from "./single.ts";

/** Who works together, and what stops them. */
export interface Company {
  /** The processes; one alone unless given. */
  ranks?: Ranks;
  /** Aborted when this process should stop. */
  signal?: AbortSignal;
  /** Aborts {@link signal}: another rank was told to stop. */
  stop?(): void;
}

/** How a rank's work ended. */
const ENDS = { done: 0, stopped: 1, failed: 2 };

/** What a rank throws that has no signal, when another one was stopped. */
const STOPPED = new DOMException("another rank was stopped", "AbortError");

/** Whether an error says that this rank or another one was stopped. */
export function isStopped({ signal }: Pick<Company, "signal">, error: unknown): boolean {
  return signal?.aborted && error === signal.reason || error === STOPPED;
}

/**
 * Runs something on every rank. Where it fails on one it fails on all, so that none waits for it in
 * the next collective: the one throws its error, and the others theirs, which names the rank. Where
 * one was stopped, all are.
 *
 * @returns What it gave on this rank.
 * @throws {UserError} that of the first rank on which it failed; the signal's reason where one was
 * stopped, see {@link isStopped}.
 */
export async function together<T>(
  { ranks = SINGLE, signal, stop }: Company,
  run: () => Promise<T> | T,
): Promise<T> {
  if (ranks.worldSize === 1) return await run();
  let result: T | undefined, error: unknown;
  let end = ENDS.done;
  try {
    result = await run();
  } catch (thrown) {
    error = thrown;
    end = isStopped({ signal }, thrown) ? ENDS.stopped : ENDS.failed;
  }
  const ends = (await ranks.gather(Uint8Array.of(end))).map(([end]) => end);
  const failed = ends.indexOf(ENDS.failed);
  if (failed >= 0) {
    const told = await tell(ranks, failed, error);
    throw end === ENDS.failed ? error : told;
  }
  if (ends.includes(ENDS.stopped)) {
    stop?.();
    throw signal?.reason ?? STOPPED;
  }
  return result!;
}

/** What the other ranks are told of an error. */
interface Told {
  message: string;
  detail?: ErrorDetail;
}

/** The error of one rank, as the others throw it. */
async function tell(ranks: Ranks, root: number, error: unknown): Promise<UserError> {
  const own = ranks.rank === root ? JSON.stringify(wordsOf(error), finite) : "";
  const { message, detail }: Told = JSON.parse((await gatherTexts(ranks, own))[root]);
  return new UserError(`rank ${root}: ${message}`, { detail });
}

function wordsOf(error: unknown): Told {
  const message = error instanceof Error ? error.message : String(error);
  const detail = error instanceof UserError ? error.detail : undefined;
  // An error within cannot be sent, and that of an option begins with its name, not with a rank.
  const stays = detail !== undefined && ("cause" in detail || detail.kind === "option");
  return { message, detail: stays ? undefined : detail };
}

/** JSON has no infinity; where there is no limit, none is told. */
function finite(_: string, value: unknown): unknown {
  return value === Infinity ? undefined : value;
}
