/**
 * How many problems of a task a model solves.
 *
 * @module
 */
import type { GPT } from "../model/mod.ts";
import { unlessAborted } from "../pause.ts";
import { type Company, isStopped, SINGLE, together } from "../ranks/mod.ts";
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

/** How problems are tried; the defaults are nanochat's. */
export interface TaskEvaluationOptions
  extends Partial<Omit<CompletionOptions, "numbers">>, Pick<Company, "ranks" | "stop"> {
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
}

/** nanochat's settings. */
const DEFAULTS = { batchSize: 8, numSamples: 1, maxNewTokens: 512, temperature: 0, topK: 50 };

/** Programs that are run at the same time. */
const CONCURRENT_PROGRAMS = 2;

/**
 * Tries the problems of a task. Several ranks share them as nanochat's do: rank r of N takes
 * problems r, r + N, … of a generative task, and of a categorical one batches r, r + N, …. What is
 * solved does not depend on how many there are.
 *
 * @returns The score, of all ranks together; undefined if the signal was aborted on one of them.
 * @throws {UserError} when a problem's row is malformed, or the device's memory does not suffice.
 */
export async function evaluateTask(
  model: GPT,
  tokenizer: Tokenizer,
  task: EvalTask,
  options: TaskEvaluationOptions = {},
): Promise<Score | undefined> {
  const { onProgress = () => {}, signal, ranks } = options;
  const indices = ownProblems(task, options);
  const sums = Float64Array.of(0, 0);
  try {
    await together(options, async () => {
      for await (const outcomes of tryProblems(model, tokenizer, task, indices, options)) {
        sums[0] += outcomes.filter((solved) => solved).length;
        sums[1] += outcomes.length;
        onProgress({ passed: sums[0], total: sums[1] }, indices.length);
        signal?.throwIfAborted();
      }
      signal?.throwIfAborted();
    });
  } catch (error) {
    if (isStopped(options, error)) return undefined;
    throw error;
  }
  await ranks?.sum(sums);
  const [passed, total] = sums;
  return { passed, total };
}

/** The problems of a task that this rank tries, by their indices. */
export function ownProblems(task: EvalTask, options: TaskEvaluationOptions): number[] {
  const { maxProblems = Infinity, batchSize = DEFAULTS.batchSize, ranks = SINGLE } = options;
  const { rank, worldSize } = ranks;
  const dealt = task.evalType === "categorical" ? batchSize : 1;
  return Array.from({ length: Math.min(task.length, maxProblems) }, (_, i) => i)
    .filter((i) => Math.floor(i / dealt) % worldSize === rank);
}

/**
 * Tries once what {@link evaluateTask} needs of this rank, without measuring: the row of every
 * problem that it has, and the device's memory for the largest batch. Nothing is waited for.
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
  const indices = ownProblems(task, options), { signal } = options;
  if (task instanceof MultipleChoiceTask) {
    const problems = indices.map((index) => task.get(index));
    const { batchSize } = { ...DEFAULTS, ...options };
    for await (const _ of chooseLetters(model, tokenizer, problems, batchSize, signal)) return;
  } else {
    const problems = indices.map((index) => task.get(index));
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
  const numbered = { ...settings, numbers: indices };
  for await (const answers of complete(model, tokenizer, problems, numbered)) {
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
