import type { Conversation } from "../conversation.ts";
import { UserError } from "../errors.ts";
import { PythonRandom } from "../random/mod.ts";

/** The seed that every mixture is shuffled with. */
const MIXTURE_SEED = 42;
/** Most conversations that are shuffled together: their order takes 4 bytes each. */
const LARGEST_MIXTURE = 2 ** 27;

/** Which of a task's rows are seen: `start`, `start + step`, … below `stop`, as in Python. */
export interface TaskSlice {
  /** First row; 0 unless given. */
  start?: number;
  /** Row to stop before; the number of rows unless given, and never more than that. */
  stop?: number;
  /** Distance between rows; 1 unless given. */
  step?: number;
}

/**
 * A list of conversations. Subclasses say how many there are (`numExamples`) and make one of them
 * (`example`); this class cuts the slice out of it.
 */
export abstract class Task<P extends Conversation = Conversation> {
  readonly #start: number;
  readonly #stop: number;
  readonly #step: number;

  /**
   * Remembers which rows to show.
   *
   * @throws {RangeError} If the slice is not one: negative start, stop before start, step below 1.
   */
  constructor({ start = 0, stop = Infinity, step = 1 }: TaskSlice = {}) {
    if (!(start >= 0 && stop >= start && step >= 1)) {
      throw new RangeError(`no slice of a task: start ${start}, stop ${stop}, step ${step}`);
    }
    this.#start = start;
    this.#stop = stop;
    this.#step = step;
  }

  /** How many conversations the whole task has, before slicing. */
  protected abstract get numExamples(): number;

  /** Makes conversation `index` of the whole task, before slicing. */
  protected abstract example(index: number): P;

  /** Names conversation `index` of the whole task for a person. */
  protected place(index: number): string {
    return `${this.constructor.name}, conversation ${index}`;
  }

  /** What the task's conversations are made from, as a checksum; undefined if it does not say. */
  protected source(): Promise<string | undefined> {
    return Promise.resolve(undefined);
  }

  /**
   * Tells the task from all that have other conversations, in short: its kind, its slice and what
   * it is made from. Undefined for a task that does not say what it is made from.
   */
  async fingerprint(): Promise<string | undefined> {
    const source = await this.source();
    if (source === undefined) return undefined;
    return `${this.constructor.name} [${this.#start}:${this.length}:${this.#step}] of ${source}`;
  }

  /** How many conversations the slice has. */
  get length(): number {
    const span = Math.min(this.#stop, this.numExamples) - this.#start;
    return Math.max(0, Math.ceil(span / this.#step));
  }

  /**
   * Conversation `index` of the slice.
   *
   * @throws {RangeError} If there is no such conversation.
   * @throws {UserError} If the dataset's row is not what the task expects.
   */
  get(index: number): P {
    if (!(index >= 0 && index < this.length)) {
      throw new RangeError(`conversation ${index} of a task of ${this.length}`);
    }
    return this.example(this.#start + index * this.#step);
  }

  /** Names conversation `index` of the slice for a person: the dataset and the row it is made from. */
  where(index: number): string {
    return this.place(this.#start + index * this.#step);
  }
}

/** A task whose conversations are problems with a known answer. */
export abstract class EvalTask<P extends Conversation = Conversation> extends Task<P> {
  /**
   * How a model answers: `categorical` by the likeliest of the problem's letters, `generative` by
   * text it samples.
   */
  abstract readonly evalType: "categorical" | "generative";

  /**
   * Whether a completion answers a problem.
   *
   * @param problem A conversation of this task, its own answer included.
   * @param completion The letter chosen, or the text that the assistant wrote.
   */
  abstract evaluate(problem: P, completion: string): boolean | Promise<boolean>;
}

/** Tasks one after the other, for curricula. */
export class TaskSequence<P extends Conversation = Conversation> extends Task<P> {
  readonly #tasks: readonly Task<P>[];
  /** The place of each task's first conversation, and after them the number of all. */
  readonly #starts: number[] = [0];

  /** Puts tasks in a row. A task may occur several times. */
  constructor(tasks: readonly Task<P>[], slice?: TaskSlice) {
    super(slice);
    this.#tasks = tasks;
    for (const task of tasks) this.#starts.push(this.#starts.at(-1)! + task.length);
  }

  /** The tasks, in order. */
  get tasks(): readonly Task<P>[] {
    return this.#tasks;
  }

  /** How many conversations all tasks have together. */
  protected override get numExamples(): number {
    return this.#starts.at(-1)!;
  }

  /** The conversation at a place of the row. */
  protected override example(index: number): P {
    const [task, own] = this.#find(index);
    return task.get(own);
  }

  /** Where it comes from. */
  protected override place(index: number): string {
    const [task, own] = this.#find(index);
    return task.where(own);
  }

  /** The task of a place of the row, and which of the task's conversations is there. */
  #find(index: number): [Task<P>, number] {
    let task = 0, end = this.#tasks.length; // the task is at or after `task` and before `end`
    while (end - task > 1) {
      const middle = task + end >> 1;
      if (this.#starts[middle] <= index) task = middle;
      else end = middle;
    }
    return [this.#tasks[task], index - this.#starts[task]];
  }
}

/**
 * Tasks shuffled together in the order that nanochat's mixture has: all their conversations in a
 * row, shuffled as Python's `random.Random(42).shuffle` does. A task given twice is seen twice.
 *
 * @example
 * ```ts
 * import { CustomJSON, TaskMixture } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * const lines = '[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]\n';
 * const stream = new Blob([lines]).stream();
 * const greetings = await CustomJSON.load(stream, "greetings.jsonl");
 * const mixture = new TaskMixture([greetings, greetings, greetings]);
 * assertEquals(mixture.length, 3);
 * assertEquals(mixture.get(2).messages[1].content, "Hello");
 * ```
 */
export class TaskMixture<P extends Conversation = Conversation> extends TaskSequence<P> {
  readonly #order: Uint32Array;

  /**
   * Shuffles tasks together.
   *
   * @throws {UserError} If there are too many conversations.
   */
  constructor(tasks: readonly Task<P>[], slice?: TaskSlice) {
    super(tasks, slice);
    checkMixtureLength(this.numExamples);
    this.#order = new Uint32Array(this.numExamples).map((_, i) => i);
    new PythonRandom(MIXTURE_SEED).shuffle(this.#order);
  }

  /** The conversation at a place of the shuffled order. */
  protected override example(index: number): P {
    return super.example(this.#order[index]);
  }

  /** Where it comes from. */
  protected override place(index: number): string {
    return super.place(this.#order[index]);
  }
}

/**
 * A task as often as it is to be seen.
 *
 * @throws {UserError} If that is more than a mixture may have.
 */
export function repeatTask<T extends Task>(task: T, epochs: number): T[] {
  checkMixtureLength(task.length * epochs);
  return task.length === 0 ? [task] : Array<T>(epochs).fill(task);
}

function checkMixtureLength(conversations: number): void {
  if (conversations <= LARGEST_MIXTURE) return;
  const format = (count: number) => count.toLocaleString("en-US");
  throw new UserError(
    `a mixture of ${format(conversations)} conversations is too large; at most ` +
      `${format(LARGEST_MIXTURE)} are shuffled together: ask for fewer epochs`,
  );
}
