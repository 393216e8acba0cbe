import { optionError, UserError } from "../errors.ts";
import { CustomJSON } from "./custom_json.ts";
import { openFile } from "./open_file.ts";
import { repeatTask, type Task, type TaskSlice } from "./task.ts";

/** A file of conversations and how often to see it. */
export interface OwnData {
  /** Path of a file of JSON lines, packed or not. */
  path: string;
  /** How often its conversations are in the mixture. */
  epochs: number;
}

/**
 * Reads how a file is named: a path, or `path:epochs`.
 *
 * @throws {UserError} If there is no path, or the epochs are no whole number from 1.
 *
 * @example
 * ```ts
 * import { parseOwnData } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseOwnData("own.jsonl:3"), { path: "own.jsonl", epochs: 3 });
 * assertEquals(parseOwnData("C:\\own.jsonl"), { path: "C:\\own.jsonl", epochs: 1 });
 * ```
 */
export function parseOwnData(value: string): OwnData {
  const [, path, epochs = "1"] = /^(.*?)(?::(-?[\d.]+))?$/s.exec(value)!;
  if (path === "" || !/^[1-9]\d*$/.test(epochs)) {
    throw optionError("data", "a file, or file:epochs with a whole number from 1", value);
  }
  return { path, epochs: Number(epochs) };
}

/**
 * Reads and checks a file of conversations, as {@linkcode CustomJSON} does.
 *
 * @throws {UserError} Naming the file, and the line that is wrong; or if it has no conversations.
 */
export async function loadOwnFile(
  path: string,
  slice?: TaskSlice,
  signal?: AbortSignal,
): Promise<CustomJSON> {
  const task = await CustomJSON.load(await openFile(path, signal), path, slice);
  if (task.length === 0) throw new UserError(`${path} has no conversations`);
  return task;
}

/**
 * Reads and checks files of conversations.
 *
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @returns The tasks to add to a mixture: each file as often as it is to be seen.
 * @throws {UserError} Naming the file, and the line that is wrong; or if it has no conversations.
 */
export async function loadOwnData(
  data: readonly OwnData[],
  signal?: AbortSignal,
): Promise<Task[]> {
  let tasks: Task[] = [];
  for (const { path, epochs } of data) {
    tasks = tasks.concat(repeatTask(await loadOwnFile(path, undefined, signal), epochs));
  }
  return tasks;
}
