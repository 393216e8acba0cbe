/**
 * How many problems of a task a model solves.
 *
 * @module
 */
import type { GPT } from "../model/mod.ts";
import { unlessAborted } from "../pause.ts";
import { MultipleChoiceTask } from "../tasks/multiple_choice.ts";
import type { EvalTask } from "../tasks/task.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { chooseLetters } from "./categorical.ts";
import { complete, type CompletionOptions, tryCompletion } from "./generative.ts";

/** How many problems were solved. */
export interface Score {
  /** Problems solved, in one of the samples at least. */
  passed: number;
  /** Problems tried. */
  total: number;
}

/** One of several processes that share the problems of an evaluation. */
export interface EvaluationRanks {
  /** Which process this is, from 0: it tries problems rank, rank + worldSize, …. */
  rank: number;
  /** How many there are. */
  worldSize: number;
  /** The sums over all processes of what each of them gives. */
  sum(values: number[]): Promise<number[]>;
}

/** How problems are tried; the defaults are nanochat's. */
export interface TaskEvaluationOptions extends Partial<CompletionOptions> {
  /** Problems per forward pass of a categorical task, and rows that are decoded together: 8. */
  batchSize?: number;
  /** Answers per problem of a generative task: 1. */
  numSamples?: number;
  /** Most tokens of an answer: 512. */
  maxNewTokens?: number;
  /** 0: the most likely tokens. */
  temperature?: number;
  /** Sample from so many tokens: 50. */
  topK?: number;
  /** How many of the task's problems are tried, from the first; all unless given. */
  maxProblems?: number;
  /** Called after each batch with the score of this process so far, and how many it will try. */
  onProgress?: (score: Score, problems: number) => void;
  /** Several processes that share the problems. */
  ranks?: EvaluationRanks;
}

/** nanochat's settings. */
const DEFAULTS = { batchSize: 8, numSamples: 1, maxNewTokens: 512, temperature: 0, topK: 50 };

/** Programs that are run at the same time. */
const CONCURRENT_PROGRAMS = 2;

/**
 * Tries the problems of a task.
 *
 * @returns The score, of all processes together; undefined if the signal was aborted.
 * @throws {UserError} when a problem's row is malformed, or the device's memory does not suffice.
 */
export async function evaluateTask(
  model: GPT,
  tokenizer: Tokenizer,
  task: EvalTask,
  options: TaskEvaluationOptions = {},
): Promise<Score | undefined> {
  const { onProgress = () => {}, signal, ranks } = options;
  const { rank, worldSize } = ranks ?? { rank: 0, worldSize: 1 };
  const indices = Array.from({ length: problemCount(task, options) }, (_, i) => i)
    .filter((i) => i % worldSize === rank);
  const score: Score = { passed: 0, total: 0 };
  try {
    for await (const outcomes of tryProblems(model, tokenizer, task, indices, options)) {
      score.passed += outcomes.filter((solved) => solved).length;
      score.total += outcomes.length;
      onProgress({ ...score }, indices.length);
      if (signal?.aborted) break;
    }
  } catch (error) {
    if (error !== signal?.reason) throw error;
  }
  if (signal?.aborted) return undefined;
  const [passed, total] = await ranks?.sum([score.passed, score.total]) ??
    [score.passed, score.total];
  return { passed, total };
}

/** How many problems of a task are tried. */
function problemCount(task: EvalTask, { maxProblems = Infinity }: TaskEvaluationOptions): number {
  return Math.min(task.length, maxProblems);
}

/**
 * Tries once what {@link evaluateTask} needs, without measuring: the row of every problem, and the
 * device's memory for the largest batch.
 *
 * @throws {UserError} when a problem's row is malformed, or the device's memory does not suffice;
 * the signal's reason if it was aborted.
 */
export async function tryTask(
  model: GPT,
  tokenizer: Tokenizer,
  task: EvalTask,
  options: TaskEvaluationOptions = {},
): Promise<void> {
  const count = problemCount(task, options), { signal } = options;
  if (task instanceof MultipleChoiceTask) {
    const problems = Array.from({ length: count }, (_, index) => task.get(index));
    const { batchSize } = { ...DEFAULTS, ...options };
    for await (const _ of chooseLetters(model, tokenizer, problems, batchSize, signal)) return;
  } else {
    const problems = Array.from({ length: count }, (_, index) => task.get(index));
    await tryCompletion(model, tokenizer, problems, { ...DEFAULTS, ...options });
  }
}

/** Whether problems are solved, a batch at a time, in no particular order. */
async function* tryProblems(
  model: GPT,
  tokenizer: Tokenizer,
  task: EvalTask,
  indices: readonly number[],
  options: TaskEvaluationOptions,
): AsyncGenerator<boolean[]> {
  const settings = { ...DEFAULTS, ...options };
  if (task instanceof MultipleChoiceTask) {
    const problems = indices.map((index) => task.get(index));
    const { batchSize, signal } = settings;
    for await (const choices of chooseLetters(model, tokenizer, problems, batchSize, signal)) {
      yield choices.map(({ problem, letter }) => task.evaluate(problems[problem], letter));
    }
    return;
  }
  const problems = indices.map((index) => task.get(index));
  for await (const answers of complete(model, tokenizer, problems, settings)) {
    yield await mapConcurrently(answers, async ({ problem, texts }) => {
      for (const text of texts) {
        // A program may run for seconds, and the first one starts Python.
        const evaluated = Promise.resolve(task.evaluate(problems[problem], text));
        if (await unlessAborted(evaluated, options.signal)) return true;
      }
      return false;
    });
  }
}

/** The results of an asynchronous function, a few calls at a time. */
async function mapConcurrently<T, R>(
  values: readonly T[],
  map: (value: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const entries = values.entries();
  const work = async () => {
    for (const [i, value] of entries) results[i] = await map(value);
  };
  await Promise.all(Array.from({ length: CONCURRENT_PROGRAMS }, work));
  return results;
}
