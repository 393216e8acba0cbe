/**
 * How far the weights of a model have got.
 */
import type { TensorSource } from "../checkpoint/mod.ts";
import { sizeOf } from "../shapes.ts";
import { Progress, type Terminal } from "../tracking/mod.ts";

/** Shows the progress of a job that reads every element of these tensors once. */
export async function withProgress<T>(
  label: string,
  tensors: ReadonlyMap<string, TensorSource>,
  terminal: Terminal,
  run: (onRead: (count: number) => void) => Promise<T>,
): Promise<T> {
  const total = tensors.values().reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const progress = new Progress(terminal, { label, total, unit: "numbers" });
  let done = 0;
  try {
    return await run((count) => progress.update(done += count));
  } finally {
    progress.finish();
  }
}
