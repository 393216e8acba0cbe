/**
 * Looking at every conversation of a task before a run draws it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fitToRow } from "../dataloader/mod.ts";
import { pause } from "../pause.ts";
import type { Task } from "../tasks/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { LengthTally, type TaskLengths } from "./data_numbers.ts";

/** What was found in conversations. */
export interface DataCheck {
  /** How many there are. */
  conversations: number;
  /** How many are longer than a row and are cut to it. */
  cut: number;
  /** How many tokens that loses. */
  lostTokens: number;
  /** How many have no trained text within a row and are left out. */
  leftOut: number;
  /** Bytes of text among their trained tokens within rows; 0 where those are special tokens. */
  bytes: number;
  /** SHA-256 of all their tokens and of which are trained on, in order; in hexadecimal. */
  checksum: string;
}

/** What was found in a task's conversations. */
export interface TaskCheck extends DataCheck, TaskLengths {}

/** What conversations are looked at with. */
export interface CheckOptions {
  /** What they are rendered with. */
  tokenizer: Tokenizer;
  /** Tokens of a row that go into the model. */
  T: number;
}

/**
 * Renders every conversation of a task and counts what rows of T tokens do to them.
 *
 * @param onConversation Called after each conversation.
 * @param signal Stops it.
 * @throws {UserError} At the first row that is not what the task expects, naming it.
 * @throws The signal's reason, once it is aborted.
 */
export async function checkTask(
  task: Task,
  { tokenizer, T }: CheckOptions,
  onConversation: () => void,
  signal: AbortSignal,
): Promise<TaskCheck> {
  const check = { conversations: task.length, cut: 0, lostTokens: 0, leftOut: 0, bytes: 0 };
  const hash = createHash("sha256"), tally = new LengthTally();
  for (let index = 0; index < task.length; index++) {
    const rendered = tokenizer.renderConversation(task.get(index), Infinity);
    const { ids, mask } = rendered;
    const fit = fitToRow(rendered, T, tokenizer.tokenBytes), { length, lost, isTrained } = fit;
    tally.add(index, rendered, fit);
    if (!isTrained) check.leftOut++;
    else if (lost > 0) check.cut++;
    if (isTrained) check.lostTokens += lost;
    for (let i = 1; i < length; i++) check.bytes += mask[i] * tokenizer.tokenBytes[ids[i]];
    // Every conversation begins with bos, so it shows where one ends.
    hash.update(Int32Array.from(ids, (id, i) => 2 * id + mask[i]));
    onConversation();
    await pause(signal);
  }
  return { ...check, ...tally.counted, checksum: hash.digest("hex") };
}
