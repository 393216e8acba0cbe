/**
 * Keeping a share of one's own conversations apart, to measure on.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Conversation } from "../conversation.ts";
import { pause } from "../pause.ts";
import { checksumOf } from "./checksum.ts";
import { Task } from "./task.ts";

/** The share that is kept apart where none is said. */
export const VALIDATION_SHARE = 0.05;
/** Decides which conversations are kept apart. */
export const SPLIT_SEED = 42;
/** Most conversations that are kept apart: more make a measurement slower and hardly surer. */
const MOST_HELD = 1000;

/** A task in two parts that have no conversation in common. */
export interface TaskSplit {
  /** What is trained on: one conversation at least. */
  train: Task;
  /** What is kept apart; it may be empty. */
  held: Task;
}

/** Some conversations of a task, in its order. */
class TaskPart extends Task {
  constructor(private readonly whole: Task, private readonly indices: Uint32Array<ArrayBuffer>) {
    super();
  }

  protected override get numExamples(): number {
    return this.indices.length;
  }

  protected override example(index: number): Conversation {
    return this.whole.get(this.indices[index]);
  }

  protected override place(index: number): string {
    return this.whole.where(this.indices[index]);
  }

  protected override async source(): Promise<string | undefined> {
    const whole = await this.whole.fingerprint();
    return whole && `${await checksumOf(new Uint8Array(this.indices.buffer))} of ${whole}`;
  }
}

/** The conversations that have one text: on which side one is, all are. */
interface Copies {
  /** Which task each is of, and where in it. */
  places: [task: number, index: number][];
  /** Where the text is in the drawn order. */
  drawn: string;
}

/**
 * Splits tasks by a share of all their conversations: at least one and at most 1,000 are kept apart.
 * Which ones depends on their texts and a seed alone, so that those that are there already keep their
 * side where others are added. Conversations of one text, white space aside, are on one side, whatever
 * task they are of. Each task keeps one to train on, so of a task with one text nothing is kept apart.
 *
 * @param share From 0, for nothing, to 1.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @returns The parts of each task.
 *
 * @example
 * ```ts
 * import { CustomJSON, splitTasks } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = { role: "assistant", content: "Yes." };
 * const line = (n: number) => JSON.stringify([{ role: "user", content: `Question ${n}` }, answer]) + "\n";
 * const stream = new Blob(Array.from({ length: 40 }, (_, n) => line(n))).stream();
 * const own = await CustomJSON.load(stream, "own.jsonl");
 * const [{ train, held }] = await splitTasks([own], 0.05);
 * assertEquals([train.length, held.length], [38, 2]);
 * ```
 */
export async function splitTasks(
  tasks: readonly Task[],
  share: number,
  signal?: AbortSignal,
): Promise<TaskSplit[]> {
  const isHeld = tasks.map(({ length }) => new Uint8Array(length));
  if (share > 0) {
    const total = tasks.reduce((sum, { length }) => sum + length, 0);
    const wanted = Math.min(MOST_HELD, Math.max(1, Math.round(share * total)));
    const left = tasks.map(({ length }) => length);
    let held = 0;
    const hold = ({ places }: Copies, most: number) => {
      const after = [...left];
      for (const [task] of places) after[task]--;
      if (held + places.length > most || places.some(([task]) => after[task] === 0)) return;
      for (const [task, index] of places) isHeld[task][index] = 1;
      left.splice(0, left.length, ...after);
      held += places.length;
    };
    const drawn = await drawCopies(tasks, signal);
    for (const copies of drawn) hold(copies, wanted);
    // Where each text is there more often than that, the rarest are better than none.
    const rarest = drawn.toSorted((a, b) => a.places.length - b.places.length);
    for (const copies of rarest) if (held === 0) hold(copies, MOST_HELD);
  }
  return tasks.map((task, i) => {
    const part = (side: number) => {
      const all = Uint32Array.from(isHeld[i].keys());
      return new TaskPart(task, all.filter((index) => isHeld[i][index] === side));
    };
    return { train: isHeld[i].includes(1) ? part(0) : task, held: part(1) };
  });
}

/** The texts of tasks with their copies, in the drawn order. */
async function drawCopies(tasks: readonly Task[], signal?: AbortSignal): Promise<Copies[]> {
  const copies = new Map<string, Copies>();
  for (const [task, { length }] of tasks.entries()) {
    for (let index = 0; index < length; index++) {
      const text = textOf(tasks[task].get(index));
      const drawn = createHash("sha256").update(`${SPLIT_SEED}\n${text}`).digest("hex");
      const known = copies.get(drawn) ?? { places: [], drawn };
      known.places.push([task, index]);
      copies.set(drawn, known);
      await pause(signal);
    }
  }
  return [...copies.values()].sort((a, b) => a.drawn < b.drawn ? -1 : 1);
}

/** What is said in a conversation and by whom, whatever its white space: as JSON text. */
export function textOf({ messages }: Conversation): string {
  const said = messages.map(({ role, content }) => {
    const text = typeof content === "string" ? content : content.map(({ text }) => text).join(" ");
    return [role, text.replace(/\s+/g, " ").trim()];
  });
  return JSON.stringify(said);
}
