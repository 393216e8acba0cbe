import { statfs } from "node:fs/promises";
import { byteLengthOf, isTensorSource } from "./tensor_bytes.ts";
import type { CheckpointContents } from "./save.ts";

/** Bytes of an archive beside each tensor's: headers, names, padding and the pickle. */
const BYTES_BESIDE_TENSOR = 512;

/** Bytes that a checkpoint takes on a disk. */
export interface CheckpointSize {
  /** Those of the model. */
  model: number;
  /** Those of the optimizer's state. */
  optimizer: number;
}

/** What a checkpoint takes on a disk, from the shapes of its tensors; none is read. */
export function checkpointSize(
  { stateDict, optimizer }: Pick<CheckpointContents, "stateDict" | "optimizer">,
): CheckpointSize {
  return { model: sizeOfTree(stateDict), optimizer: sizeOfTree(optimizer) };
}

function sizeOfTree(value: unknown): number {
  if (isTensorSource(value)) return byteLengthOf(value) + BYTES_BESIDE_TENSOR;
  if (typeof value !== "object" || value === null) return 0;
  const values = value instanceof Map ? [...value.values()] : Object.values(value);
  return values.reduce((sum, part) => sum + sizeOfTree(part), 0);
}

/** Bytes that are free for this user on the disk of a directory; undefined if that is not told. */
export async function freeBytes(directory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
