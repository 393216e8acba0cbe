import { freeBytes } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import { formatBytes } from "../training/room.ts";

/** Bytes of an export that are not weights: the tokenizer's, above all. */
export const BESIDE_WEIGHTS = 16e6;

/**
 * Checks that the disk of a directory has room for what is going to be at a path.
 *
 * @throws {UserError} if it has not, with the numbers.
 */
export async function checkRoom(path: string, directory: string, bytes: number): Promise<void> {
  const free = await freeBytes(directory) ?? Infinity;
  if (free >= bytes) return;
  throw new UserError(
    `${path}: would take ${formatBytes(bytes)}, and ${formatBytes(free)} are free on its disk`,
  );
}
