/**
 * ChatCORE: six tasks, five since July 2026, and the mean of what a model achieves on them beyond
 * guessing.
 *
 * @module
 */
import type { GPT } from "../model/mod.ts";
import { ARC } from "../tasks/arc.ts";
import { GSM8K } from "../tasks/gsm8k.ts";
import { HumanEval, type RunPython } from "../tasks/humaneval.ts";
import { MMLU } from "../tasks/mmlu.ts";
import type { DatasetSource } from "../tasks/source.ts";
import { SpellingBee } from "../tasks/spelling_bee.ts";
import type { EvalTask } from "../tasks/task.ts";
import { loadWords } from "../tasks/words.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { evaluateTask, type Score, type TaskEvaluationOptions } from "./evaluate_task.ts";

/** The tasks of ChatCORE, in nanochat's order. */
export const CHATCORE_TASKS = [
  "ARC-Easy",
  "ARC-Challenge",
  "MMLU",
  "GSM8K",
  "HumanEval",
  "SpellingBee",
] as const;

/** The name of a task of ChatCORE. */
export type ChatcoreTask = (typeof CHATCORE_TASKS)[number];

/** The categorical ones, on which guessing one of four letters is right so often. */
const CATEGORICAL_TASKS: readonly ChatcoreTask[] = ["ARC-Easy", "ARC-Challenge", "MMLU"];
const GUESSING = 0.25;

/** Problems of SpellingBee's test split, which is made on the fly. */
const SPELLING_BEE_PROBLEMS = 256;

/**
 * Loads tasks of ChatCORE, each its test split.
 *
 * @param source Where the datasets lie.
 * @param runPython Runs the programs of HumanEval, such as `PythonSandbox.run`.
 * @param names Which tasks; all unless given.
 * @throws {UserError} If the source lacks one of the datasets.
 */
export async function loadChatcoreTasks(
  source: DatasetSource,
  runPython: RunPython,
  names: readonly ChatcoreTask[] = CHATCORE_TASKS,
): Promise<Map<ChatcoreTask, EvalTask>> {
  const loaders: Record<ChatcoreTask, () => Promise<EvalTask>> = {
    "ARC-Easy": () => ARC.load(source, { subset: "ARC-Easy", split: "test" }),
    "ARC-Challenge": () => ARC.load(source, { subset: "ARC-Challenge", split: "test" }),
    "MMLU": () => MMLU.load(source, { split: "test" }),
    "GSM8K": () => GSM8K.load(source, { split: "test" }),
    "HumanEval": () => HumanEval.load(source, { runPython }),
    "SpellingBee": async () => {
      const options = { size: SPELLING_BEE_PROBLEMS, split: "test" } as const;
      return new SpellingBee(await loadWords(source), options);
    },
  };
  const tasks = new Map<ChatcoreTask, EvalTask>();
  for (const name of names) tasks.set(name, await loaders[name]());
  return tasks;
}

/** What an evaluation of ChatCORE takes. */
export interface ChatcoreOptions extends Omit<TaskEvaluationOptions, "maxProblems" | "onProgress"> {
  /** The model; its parameters must stay as they are meanwhile. */
  model: GPT;
  /** Its tokenizer. */
  tokenizer: Tokenizer;
  /** The tasks, from {@link loadChatcoreTasks}. */
  tasks: ReadonlyMap<ChatcoreTask, EvalTask>;
  /** The tasks whose mean is ChatCORE; all six unless given. */
  all?: readonly ChatcoreTask[];
  /** Most problems of a categorical task; −1 for all. */
  maxCat: number;
  /** Most problems of a generative task; −1 for all. */
  maxSample: number;
  /** Called after each batch with a task's score so far, and how many problems will be tried. */
  onProgress?: (task: ChatcoreTask, score: Score, problems: number) => void;
}

/**
 * Measures a model on tasks of ChatCORE.
 *
 * @returns What {@link chatcoreMetrics} makes of it; undefined if the signal was aborted.
 * @throws {UserError} when a problem's row is malformed, or the device's memory does not suffice.
 */
export async function evaluateChatcore(
  options: ChatcoreOptions,
): Promise<Record<string, number> | undefined> {
  const { model, tokenizer, tasks, all, maxCat, maxSample, onProgress, ...rest } = options;
  const accuracies = new Map<ChatcoreTask, number>();
  for (const [name, task] of tasks) {
    const most = task.evalType === "categorical" ? maxCat : maxSample;
    const score = await evaluateTask(model, tokenizer, task, {
      ...rest,
      maxProblems: most < 0 ? undefined : most,
      onProgress: onProgress && ((score, problems) => onProgress(name, score, problems)),
    });
    if (!score) return undefined;
    accuracies.set(name, score.passed / score.total);
  }
  return chatcoreMetrics(accuracies, all);
}

/**
 * Accuracies under the names that nanochat logs them by: `chatcore/ARC-Easy` and so on, and if
 * all are there `chatcore_metric` and `chatcore_cat`, the means over all and over the categorical
 * ones of (accuracy − guessing) / (1 − guessing): 0 is guessing, 1 perfect.
 *
 * @param all Which tasks `chatcore_metric` is the mean of.
 *
 * @example
 * ```ts
 * import { CHATCORE_TASKS, chatcoreMetrics } from "@nanochat/sft/eval";
 * import { assertEquals } from "@std/assert";
 *
 * const half = new Map(CHATCORE_TASKS.map((name) => [name, 0.5]));
 * assertEquals(chatcoreMetrics(half).chatcore_cat, 1 / 3);
 * ```
 */
export function chatcoreMetrics(
  accuracies: ReadonlyMap<ChatcoreTask, number>,
  all: readonly ChatcoreTask[] = CHATCORE_TASKS,
): Record<string, number> {
  const centredMean = (names: readonly ChatcoreTask[]) => {
    const centred = names.map((name) => {
      const guessing = CATEGORICAL_TASKS.includes(name) ? GUESSING : 0;
      return (accuracies.get(name)! - guessing) / (1 - guessing);
    });
    return centred.reduce((sum, value) => sum + value, 0) / centred.length;
  };
  const whole = all.every((name) => accuracies.has(name));
  return {
    ...whole && {
      chatcore_metric: centredMean(all),
      chatcore_cat: centredMean(CATEGORICAL_TASKS),
    },
    ...Object.fromEntries(
      Array.from(accuracies, ([name, accuracy]) => [`chatcore/${name}`, accuracy]),
    ),
  };
}
