/**
 * What is held in memory, as a table for a person.
 *
 * @module
 */
import type { Hardware } from "../device/mod.ts";
import type { TrainingMemory } from "./count_memory.ts";
import type { Fitting } from "./fitting_rows.ts";

/** A number of bytes of memory for a person, as `419 MiB` or `5.18 GiB`. */
export function formatMemory(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${units[power]}`;
}

/** How much memory a device has, for a person. */
export function roomOf({ name, kind, memory: { limit } }: Hardware): string {
  if (limit < Infinity) return `${formatMemory(limit)} there`;
  return `${kind === "webgpu" ? name : "the device"} does not say how much it has`;
}

/** A line of the table. */
export function memoryLine(name: string, value: string): string {
  return `  ${name.padEnd(22)} ${value}`;
}

/** What training holds, a line for each part. */
export function trainingLines(memory: TrainingMemory, rows: number, T: number): string[] {
  const { activationsPerRow, fixedActivations } = memory;
  const activations = rows * activationsPerRow + fixedActivations;
  const each = `${formatMemory(activationsPerRow)} a row of ${T} tokens`;
  const line = (name: string, bytes: number) => memoryLine(name, formatMemory(bytes));
  return [
    line("weights", memory.weights),
    line("gradients", memory.gradients),
    line("moments", memory.moments),
    memoryLine("activations", `${formatMemory(activations)}, ${each}`),
    line("loss head", memory.lossHead),
    line("workspaces", memory.workspaces),
    line("staging", memory.staging),
    ...memory.measuring > 0 ? [line("ChatCORE", memory.measuring)] : [],
  ];
}

/** How many rows fit, in a line for each type; the first is the one that was asked for. */
export function fittingLines(found: readonly Fitting[]): string[] {
  return found.map(({ dtype, kept, recomputed }, i) => {
    const words = kept === recomputed
      ? `${kept || "none"}`
      : `${kept || "none"}, ${recomputed} with layers computed again`;
    return memoryLine(i === 0 ? "rows that fit" : `rows in ${dtype}`, words);
  });
}
