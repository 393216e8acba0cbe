/**
 * Measuring a checkpoint on the tasks of ChatCORE.
 *
 * @module
 */
import type { DeviceChoice } from "../device/mod.ts";
import { PythonSandbox } from "../engine/sandbox/mod.ts";
import { optionError } from "../errors.ts";
import {
  CHATCORE_TASKS,
  chatcoreMetrics,
  type ChatcoreTask,
  evaluateTask,
  loadChatcoreTasks,
  ownProblems,
  type Score,
} from "../eval/mod.ts";
import { isStopped, together } from "../ranks/mod.ts";
import type { EvalTask } from "../tasks/mod.ts";
import { Progress } from "../tracking/mod.ts";
import { LONGEST_PROBLEM } from "./count_memory.ts";
import { openDataSource } from "./data_source.ts";
import type { RunIo } from "./io.ts";
import type { OpenedModel } from "./open_model.ts";
import { type RecipeName, RECIPES } from "./recipes.ts";
import { type ModelOptions, type WeightOptions, withModel } from "./with_model.ts";

/** How {@link runEval} measures; each is the command line's flag of the same name. */
export interface EvalSettings {
  /** 0 takes the most likely tokens. */
  temperature: number;
  /** Sample from so many tokens; 0 for all. */
  topK: number;
  /** Most tokens of an answer. */
  maxNewTokens: number;
  /** Answers per problem, of which one must be right. */
  numSamples: number;
  /** Problems in a batch. */
  batchSize: number;
  /** Problems per task; −1 for all. */
  maxProblems: number;
}

/** What {@link runEval} can be told. */
export interface EvalOptions extends EvalSettings, ModelOptions, WeightOptions, DeviceChoice {
  /** Whose tasks ChatCORE is the mean of. */
  recipe: RecipeName;
  /** Names of tasks with `|` between them; the recipe's unless given. */
  tasks?: string;
  /** Whether one JSON object is printed instead of a table. */
  json?: boolean;
  /** Whether the table is one of Markdown. */
  markdown?: boolean;
}

/**
 * Measures a checkpoint and prints the accuracy of each task, and ChatCORE if it was all of the
 * recipe's. Several ranks share the problems, each with a sandbox of its own; rank 0 prints.
 *
 * @returns The score of each task; those that an abort left over are missing.
 * @throws {UserError} for whatever a person can mend.
 */
export async function runEval(
  options: EvalOptions,
  io: RunIo,
): Promise<ReadonlyMap<ChatcoreTask, Score>> {
  const { tasks } = RECIPES[options.recipe];
  const names = options.tasks === undefined ? tasks : parseTasks(options.tasks);
  const capacity = LONGEST_PROBLEM + options.maxNewTokens;
  const scores = new Map<ChatcoreTask, Score>();
  const measureAll = async (opened: OpenedModel, io: RunIo) => {
    await using sandbox = new PythonSandbox();
    const runPython = (program: string) => sandbox.run(program);
    const load = () => loadChatcoreTasks(openDataSource(io), runPython, names);
    const tasks = await together(io, load);
    const row = options.markdown ? markdownRow : tableRow;
    const print = (line: string) => {
      if (!io.ranks?.rank) io.terminal.print(line);
    };
    if (options.markdown) MARKDOWN_HEAD.forEach(print);
    for (const [name, task] of tasks) {
      const score = await measure(name, task, opened, options, io);
      if (!score) return;
      scores.set(name, score);
      if (!options.json) print(row(name, percent(score), `${score.passed}/${score.total}`));
    }
    report(scores, opened, options, print, row);
  };
  try {
    const texts = { rows: options.batchSize, capacity, isGuess: true };
    await withModel(options, io, texts, measureAll);
  } catch (error) {
    if (!isStopped(io, error)) throw error;
  }
  return scores;
}

/** The names in `ARC-Easy|GSM8K`, in any case, in ChatCORE's order. */
function parseTasks(list: string): ChatcoreTask[] {
  const wanted = list.split("|").map((name) => name.trim());
  for (const name of wanted) {
    if (CHATCORE_TASKS.some((task) => task.toLowerCase() === name.toLowerCase())) continue;
    throw optionError("tasks", `some of ${CHATCORE_TASKS.join("|")}`, name);
  }
  return CHATCORE_TASKS.filter((task) => {
    return wanted.some((name) => name.toLowerCase() === task.toLowerCase());
  });
}

async function measure(
  name: ChatcoreTask,
  task: EvalTask,
  { model, tokenizer }: OpenedModel,
  options: EvalOptions,
  { terminal, signal, ranks, stop }: RunIo,
): Promise<Score | undefined> {
  const maxProblems = options.maxProblems < 0 ? undefined : options.maxProblems;
  const settings = { ...options, maxProblems, signal, ranks, stop };
  const total = ownProblems(task, settings).length;
  const progress = new Progress(terminal, { label: name, total, unit: "problems" });
  progress.update(0);
  const onProgress = (score: Score) => progress.update(score.total, `${percent(score)} right`);
  const score = await evaluateTask(model, tokenizer, task, { ...settings, onProgress });
  progress.finish();
  return score;
}

function report(
  scores: ReadonlyMap<ChatcoreTask, Score>,
  { files }: OpenedModel,
  { source, json, recipe }: EvalOptions,
  print: (line: string) => void,
  row: typeof tableRow,
): void {
  const accuracies = Array.from(scores, ([name, { passed, total }]) => {
    return [name, passed / total] as const;
  });
  const metrics = chatcoreMetrics(new Map(accuracies), RECIPES[recipe].tasks);
  if (json) {
    const { tag, step } = files;
    print(
      JSON.stringify({ source, tag, step, ...metrics, scores: Object.fromEntries(scores) }),
    );
  } else if ("chatcore_metric" in metrics) {
    print(row("ChatCORE", metrics.chatcore_metric.toFixed(4)));
    print(row("ChatCORE_cat", metrics.chatcore_cat.toFixed(4)));
  }
}

function percent({ passed, total }: Score): string {
  return `${(100 * passed / total).toFixed(2)}%`;
}

function tableRow(name: string, value: string, of = ""): string {
  return `${name.padEnd(14)} ${value.padStart(7)} ${of.padStart(12)}`.trimEnd();
}

const MARKDOWN_HEAD = [markdownRow("task", "right", "of"), markdownRow("---", "---:", "---:")];

function markdownRow(name: string, value: string, of = ""): string {
  return `| ${name} | ${value} | ${of} |`;
}
