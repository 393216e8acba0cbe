import type { Conversation } from "../conversation.ts";
import { PythonRandom } from "../random/mod.ts";

/** The seed that every mixture is shuffled with. */
const MIXTURE_SEED = 42;

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
    const task = this.#starts.findIndex((start) => start > index) - 1;
    return this.#tasks[task].get(index - this.#starts[task]);
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

  /** Shuffles tasks together. */
  constructor(tasks: readonly Task<P>[], slice?: TaskSlice) {
    super(tasks, slice);
    this.#order = Uint32Array.from({ length: this.numExamples }, (_, i) => i);
    new PythonRandom(MIXTURE_SEED).shuffle(this.#order);
  }

  /** The conversation at a place of the shuffled order. */
  protected override example(index: number): P {
    return super.example(this.#order[index]);
  }
}
