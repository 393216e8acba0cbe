/**
 * Looking at all that a run can draw before it begins, so that no row stops it half way, and so
 * that it is known beforehand what is cut and what is left out.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { UserError } from "../errors.ts";
import type { Task, TaskMixture } from "../tasks/mod.ts";
import { Progress, type Terminal } from "../tracking/mod.ts";
import { CheckMemory } from "./check_memory.ts";
import { type CheckOptions, checkTask, type DataCheck, type TaskCheck } from "./check_task.ts";
import { type DataNumbers, dataNumbers } from "./data_numbers.ts";
import type { RunIo } from "./io.ts";
import type { RunMixtures } from "./mixture.ts";

type MixtureName = "training" | "validation" | "own validation";

/** What was found in a run's mixtures, a task counted as often as it is mixed in. */
export interface CheckedMixtures {
  /** What is trained on. */
  train: DataCheck;
  /** What is measured; undefined if there is no text to measure on. */
  validation: DataCheck | undefined;
  /** Own conversations that are measured; undefined if there are none, or no text in them. */
  own: DataCheck | undefined;
  /** Own conversations that are trained on; undefined where there are none. */
  ownTrain: DataNumbers | undefined;
  /** Tells what is trained on, and own conversations that are measured, from all others. */
  checksum: string;
}

/**
 * Renders every conversation of a run's mixtures, with progress shown, and
 * warns of what is cut to a row or left out. What was found in a large dataset is remembered in the
 * base directory.
 *
 * @throws {UserError} At the first bad row, naming it; or if there is nothing to train on.
 * @throws The signal's reason, once it is aborted.
 */
export async function checkMixtures(
  mixtures: RunMixtures,
  options: CheckOptions,
  { baseDir, terminal, signal }: Pick<RunIo, "baseDir" | "terminal" | "signal">,
): Promise<CheckedMixtures> {
  const { train, validation, own, ownTrain = [] } = mixtures;
  const memory = await CheckMemory.open(baseDir, options);
  const checks = new Map<Task, TaskCheck>();
  const unknown = new Set<Task>();
  for (const task of new Set([...train.tasks, ...validation.tasks, ...own?.tasks ?? []])) {
    const known = await memory.get(task);
    if (known) checks.set(task, known);
    else unknown.add(task);
  }

  const total = [...unknown].reduce((sum, task) => sum + task.length, 0);
  const progress = new Progress(terminal, {
    label: "Checking data",
    total,
    unit: "conversations",
  });
  let done = 0;
  try {
    for (const task of unknown) {
      const check = await checkTask(task, options, () => progress.update(++done), signal);
      checks.set(task, check);
      await memory.set(task, check);
    }
  } finally {
    progress.finish();
  }

  const checked = sum(train, checks);
  if (checked.conversations === checked.leftOut) {
    const why = whyEmpty(checked, "trained text", options.T);
    throw new UserError(`there is nothing to train on: ${why}`);
  }
  warn("training", checked, options.T, terminal);
  const measured = (mixture: TaskMixture, name: MixtureName): DataCheck | undefined => {
    const check = sum(mixture, checks);
    // Bits per byte are counted on text alone.
    if (check.bytes > 0) {
      warn(name, check, options.T, terminal);
      return check;
    }
    const why = whyEmpty(check, "text to measure", options.T);
    terminal.warn(`there is nothing to validate on, so ${name} is left out: ${why}`);
    return undefined;
  };
  const counted = ownTrain.map((task) => ({ task, counted: checks.get(task)! }));
  const checkedValidation = measured(validation, "validation");
  return {
    train: checked,
    validation: checkedValidation,
    own: own && (own === validation ? checkedValidation : measured(own, "own validation")),
    ownTrain: await dataNumbers(counted, options.T, signal),
    checksum: own ? joined(checked.checksum, sum(own, checks).checksum) : checked.checksum,
  };
}

/** The checks of a mixture's tasks, added up. */
function sum(mixture: TaskMixture, checks: ReadonlyMap<Task, TaskCheck>): DataCheck {
  const all = { conversations: 0, cut: 0, lostTokens: 0, leftOut: 0, bytes: 0 };
  const hash = createHash("sha256");
  for (const task of mixture.tasks) {
    const { checksum, conversations, cut, lostTokens, leftOut, bytes } = checks.get(task)!;
    all.conversations += conversations;
    all.cut += cut;
    all.lostTokens += lostTokens;
    all.leftOut += leftOut;
    all.bytes += bytes;
    hash.update(checksum);
  }
  return { ...all, checksum: hash.digest("hex") };
}

function joined(...checksums: string[]): string {
  return createHash("sha256").update(checksums.join()).digest("hex");
}

function whyEmpty({ conversations }: DataCheck, lacking: string, T: number): string {
  return conversations === 0
    ? "the mixture has no conversations"
    : `none of ${count(conversations)} conversations has ${lacking} in a row of ${T} tokens`;
}

function warn(
  name: MixtureName,
  { cut, lostTokens, leftOut }: DataCheck,
  T: number,
  terminal: Terminal,
): void {
  const conversations = (n: number) =>
    `${count(n)} conversation${n === 1 ? "" : "s"} of the ${name} mixture`;
  if (cut > 0) {
    terminal.warn(
      `${conversations(cut)} ${cut === 1 ? "is" : "are"} longer than a row of ${T} tokens and ` +
        `cut to it, which loses ${count(lostTokens)} tokens; longer rows keep them`,
    );
  }
  if (leftOut > 0) {
    terminal.warn(
      `${conversations(leftOut)} ${leftOut === 1 ? "has" : "have"} no trained text in a row of ` +
        `${T} tokens and ${leftOut === 1 ? "is" : "are"} left out`,
    );
  }
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
