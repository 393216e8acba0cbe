/**
 * Whether what is to be written fits on a disk.
 *
 * @module
 */
import { type CheckpointContents, checkpointSize, freeBytes } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";

/**
 * Compares what checkpoints take with what is free on the disk of a directory.
 *
 * @param contents What a checkpoint holds; no tensor is read.
 * @param count How many are going to lie there at once.
 * @returns A line for the person where not all of it fits.
 * @throws {UserError} if not even one model does, with the numbers.
 */
export async function checkRoom(
  directory: string,
  contents: Pick<CheckpointContents, "stateDict" | "optimizer">,
  count: number,
): Promise<string | undefined> {
  const free = await freeBytes(directory) ?? Infinity;
  const { model, optimizer } = checkpointSize(contents);
  const one = model + optimizer;
  const says =
    `${directory}: a checkpoint takes ${formatBytes(one)} (model ${formatBytes(model)}, ` +
    `optimizer ${formatBytes(optimizer)}), and ${formatBytes(free)} are free on its disk`;
  if (free < model) {
    throw new UserError(`${says}: not even the model can be saved; make room first`);
  }
  if (free < one) {
    return `${says}: without more room the optimizer's state is not saved, so that a run can ` +
      "go on with a fresh optimizer only";
  }
  if (free < count * one) {
    return `${says}: not enough for the ${count} that are going to lie there; make room, or keep fewer`;
  }
}

/** What is to come into a directory. */
export interface Need {
  /** The directory, which is there. */
  directory: string;
  /** Bytes, as far as they are known. */
  bytes: number;
  /** What messages call it; the directory unless given. */
  name?: string;
}

/**
 * Checks that what is to come fits on the disks it goes to.
 *
 * @throws {UserError} if it does not, with the numbers.
 */
export async function checkFits(needs: readonly Need[]): Promise<void> {
  const disks = new Map<number, Need>();
  for (const need of needs) {
    const { dev } = await Deno.stat(need.directory);
    disks.set(dev, { ...need, bytes: need.bytes + (disks.get(dev)?.bytes ?? 0) });
  }
  for (const { directory, bytes, name = directory } of disks.values()) {
    const free = await freeBytes(directory) ?? Infinity;
    if (bytes <= free) continue;
    throw new UserError(
      `${name}: ${formatBytes(bytes)} are to come, and ${
        formatBytes(free)
      } are free on its disk: ` +
        "make room first",
    );
  }
}

/** A number of bytes for a person. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}
