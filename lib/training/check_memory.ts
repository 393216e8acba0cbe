/**
 * Remembering what was found in large datasets, so that the next run need not look again.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "@std/path";
import type { Task } from "../tasks/mod.ts";
import type { CheckOptions, TaskCheck } from "./check_task.ts";
import { readMemory, writeMemory } from "./json_memory.ts";

/** Name of the file in the base directory. */
const FILE = "checked_data.json";
/**
 * To be raised whenever tasks or the chat format make other conversations of the same rows, or more
 * is to be known of them.
 */
const VERSION = 2;
/** Tasks of fewer conversations are looked at again in no time. */
const LEAST = 1000;

/** Checks of tasks by what they depend on: the task's data, the tokenizer and T. */
export class CheckMemory {
  readonly #path: string;
  readonly #tokenizer: string;
  readonly #T: number;
  readonly #checks: Record<string, unknown>;

  private constructor(
    path: string,
    { tokenizer, T }: CheckOptions,
    checks: Record<string, unknown>,
  ) {
    this.#path = path;
    this.#T = T;
    this.#checks = checks;
    const ids = Array.from({ length: tokenizer.vocabSize }, (_, id) => id);
    this.#tokenizer = createHash("sha256").update(tokenizer.pattern)
      .update(tokenizer.tokenBytes).update(tokenizer.decodeBytes(ids)).digest("hex");
  }

  /** Reads what a base directory remembers; nothing, where the file is missing or damaged. */
  static async open(baseDir: string, options: CheckOptions): Promise<CheckMemory> {
    const path = join(baseDir, FILE);
    return new CheckMemory(path, options, await readMemory(path));
  }

  /** What is remembered of a task. */
  async get(task: Task): Promise<TaskCheck | undefined> {
    const key = await this.#keyOf(task);
    const check = key === undefined ? undefined : this.#checks[key];
    return isCheckOf(task, check) ? check : undefined;
  }

  /** Remembers what was found in a task, if it is large and says what it is made from. */
  async set(task: Task, check: TaskCheck): Promise<void> {
    const key = await this.#keyOf(task);
    if (key === undefined) return;
    this.#checks[key] = check;
    await writeMemory(this.#path, this.#checks);
  }

  async #keyOf(task: Task): Promise<string | undefined> {
    if (task.length < LEAST) return undefined;
    const fingerprint = await task.fingerprint();
    if (fingerprint === undefined) return undefined;
    const facts = [VERSION, this.#tokenizer, this.#T, fingerprint];
    return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
  }
}

/** Whether a value that was read is a whole check of a task. */
function isCheckOf(task: Task, value: unknown): value is TaskCheck {
  const { conversations, checksum, ...counts } = Object(value);
  const { cut, lostTokens, leftOut, bytes, trained, lengths, longest } = counts;
  return conversations === task.length && typeof checksum === "string" &&
    [cut, lostTokens, leftOut, bytes, trained].every(Number.isInteger) &&
    [lengths, longest].every((pairs) => (
      Array.isArray(pairs) &&
      pairs.every((pair) => Array.isArray(pair) && pair.every(Number.isInteger))
    ));
}
