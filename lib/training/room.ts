/**
 * Whether a run's checkpoints fit on a disk.
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

/** A number of bytes for a person. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}
