/**
 * Own conversations, looked at before they are trained on.
 *
 * @module
 */
import { fitToRow } from "../dataloader/mod.ts";
import { pause } from "../pause.ts";
import type { Task } from "../tasks/mod.ts";
import type { RenderedConversation, Tokenizer } from "../tokenizer/mod.ts";
import { Progress } from "../tracking/mod.ts";
import {
  type CountedTask,
  type DataNumbers,
  dataNumbers,
  LengthTally,
  type OwnFiles,
  type OwnParts,
  type RunIo,
} from "../training/mod.ts";
import { type DataFault, FaultFinder } from "./data_faults.ts";

/** Conversations that are shown. */
const SHOWN = 2;

/** What own conversations are like. */
export interface DataReport {
  /** What was recognised, and what is trained on and measured: a line each. */
  notes: string[];
  /** How many conversations the files have. */
  conversations: number;
  /** How many messages. */
  messages: number;
  /** The first conversations as tokens, with their places. */
  shown: { place: string; rendered: RenderedConversation }[];
  /** What may be wrong with them; those that are measured are looked at too. */
  faults: DataFault[];
  /**
   * The numbers of a pass over what is trained on, each file as often as it was said; undefined
   * where nothing is.
   */
  numbers: DataNumbers | undefined;
}

/**
 * Looks at every conversation of own files. Neither a model nor a GPU is needed.
 *
 * @param own The files, and what of them is trained on and measured.
 * @param tokens What they are rendered with, and how many tokens of a row go into the model.
 * @throws The signal's reason, once it is aborted.
 */
export async function dataReport(
  { files, parts: { held, notes } }: { files: OwnFiles; parts: OwnParts },
  { tokenizer, T }: { tokenizer: Tokenizer; T: number },
  { terminal, signal }: Pick<RunIo, "terminal" | "signal">,
): Promise<DataReport> {
  // Where a file is measured instead, nothing of the others is left out, be it one of them.
  const split = files.validation ? undefined : held;
  const measured = new Set(Array.from({ length: split?.length ?? 0 }, (_, i) => split!.where(i)));
  const tasks = files.data.map(({ task }) => task);
  if (files.validation) tasks.push(files.validation);

  const isOne = tasks.length === 1, [{ path }] = files.data;
  /** The place, without a path that goes without saying. */
  const placeIn = (where: string) => isOne ? where.replace(`${path}, `, "") : where;
  const total = tasks.reduce((sum, { length }) => sum + length, 0);
  const progress = new Progress(terminal, { label: "Looking", total, unit: "conversations" });
  const report = { notes, conversations: total, messages: 0 };
  const shown: DataReport["shown"] = [], counted: CountedTask[] = [];
  const starts: number[] = [];
  const placeOf = (number: number) => {
    const at = starts.findLastIndex((start) => start <= number);
    return placeIn(tasks[at].where(number - starts[at]));
  };
  const finder = new FaultFinder(T, placeOf);
  let done = 0;
  const look = async (task: Task) => {
    const tally = new LengthTally();
    starts.push(done);
    for (let index = 0; index < task.length; index++) {
      const conversation = task.get(index), where = task.where(index);
      const rendered = tokenizer.renderConversation(conversation, Infinity);
      const fit = fitToRow(rendered, T, tokenizer.tokenBytes);
      if (shown.length < SHOWN) shown.push({ place: placeIn(where), rendered });
      report.messages += conversation.messages.length;
      finder.look(conversation, done, fit);
      if (!measured.has(where)) tally.add(index, rendered, fit);
      progress.update(++done);
      await pause(signal);
    }
    return tally.counted;
  };
  try {
    for (const task of tasks) {
      const places = { where: (index: number) => placeIn(task.where(index)) };
      const tally = { task: places, counted: await look(task) };
      const epochs = files.data.find((file) => file.task === task)?.epochs ?? 0;
      for (let epoch = 0; epoch < epochs; epoch++) counted.push(tally);
    }
  } finally {
    progress.finish();
  }
  const numbers = await dataNumbers(counted, T, signal);
  return { ...report, shown, faults: finder.faults, numbers };
}
