/**
 * The user's own conversations: what of them is trained on, and what is kept apart to measure on.
 *
 * @module
 */
import {
  type MixtureFile,
  OwnConversations,
  type OwnForm,
  parseKeyMap,
  parseOwnData,
  repeatTask,
  SPLIT_SEED,
  splitTasks,
  type Task,
  TaskMixture,
  type TaskSplit,
  VALIDATION_SHARE,
} from "../tasks/mod.ts";

/** Which own conversations there are, and what becomes of them. */
export interface OwnDataOptions {
  /** Files of one's own conversations to mix in: `path`, or `path:epochs`. */
  data: readonly string[];
  /** Other keys that own files have for the usual ones: `messages=dialog,role=speaker`. */
  dataMap: string | undefined;
  /** Whether messages that one role has in a row are joined. */
  dataMerge: boolean;
  /** A file of one's own conversations to measure on; undefined for a share of {@link data}. */
  validation: string | undefined;
  /**
   * The share of one's own conversations that is kept apart to measure on, those of a mixture file's
   * files too; undefined for {@linkcode VALIDATION_SHARE} of those of {@link data} alone.
   */
  validationShare: number | undefined;
}

/** Files of own conversations that were read and checked. */
export interface OwnFiles {
  /** Those to mix in, each with its path and how often it is seen. */
  data: { task: OwnConversations; path: string; epochs: number }[];
  /** What is measured; undefined where a share is to be kept apart. */
  validation: OwnConversations | undefined;
}

/**
 * How own files are read.
 *
 * @throws {UserError} for other keys that are none.
 */
export function ownForm({ dataMap, dataMerge }: Partial<OwnDataOptions>): OwnForm {
  return { map: dataMap === undefined ? undefined : parseKeyMap(dataMap), merge: dataMerge };
}

/**
 * Reads the own files that the options name.
 *
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} Naming the file, and the line that is wrong; or if it has no conversations.
 */
export async function loadOwnFiles(
  { data, validation }: OwnDataOptions,
  how: OwnForm,
  signal?: AbortSignal,
): Promise<OwnFiles> {
  const load = (path: string) => OwnConversations.load(path, how, undefined, signal);
  const files: OwnFiles["data"] = [];
  for (const own of data.map(parseOwnData)) files.push({ ...own, task: await load(own.path) });
  return { data: files, validation: validation === undefined ? undefined : await load(validation) };
}

/** Own conversations in two parts. */
export interface OwnParts {
  /** What to mix in, each file as often as it is seen. */
  train: Task[];
  /** What is trained on of a mixture file's tasks. */
  ofMixture: Task[];
  /** Those of them that are own files. */
  filesOfMixture: Task[];
  /** What is measured; undefined where there is nothing. */
  held: TaskMixture | undefined;
  /** Lines about what was recognised, and what was kept apart. */
  notes: string[];
}

/**
 * Keeps a share of the own conversations apart, unless a file was given to measure on.
 *
 * @param mixture The mixture file, if there is one.
 * @param signal Breaks it off when aborted: its reason is thrown.
 */
export async function splitOwn(
  { data, validation }: OwnFiles,
  options: Pick<OwnDataOptions, "validation" | "validationShare">,
  mixture: MixtureFile | undefined,
  signal?: AbortSignal,
): Promise<OwnParts> {
  const { validationShare } = options;
  const paths = new Map<Task, string>(data.map(({ task, path }) => [task, path]));
  if (validationShare !== undefined) mixture?.files.forEach((path, task) => paths.set(task, path));
  const share = validation ? 0 : validationShare ?? VALIDATION_SHARE;
  const tasks = [...paths.keys()];
  const splits = share > 0 ? await splitTasks(tasks, share, signal) : [];
  const trained = (task: Task) => splits[tasks.indexOf(task)]?.train ?? task;
  const held = validation ? [validation] : splits.map(({ held }) => held);
  const files = [...data.map(({ task }) => task), ...validation ? [validation] : []];
  const notes = [
    ...files.map(({ recognised }) => recognised),
    ...mixture?.recognised ?? [],
    ...splits.map((split, i) => describe(paths.get(tasks[i])!, split, share)),
  ];
  if (validation) notes.push(`${options.validation}: ${conversations(validation)} to measure on`);
  return {
    train: data.flatMap(({ task, epochs }) => repeatTask(trained(task), epochs)),
    ofMixture: (mixture?.train ?? []).map(trained),
    filesOfMixture: (mixture?.train ?? []).filter((task) => mixture!.files.has(task)).map(trained),
    held: held.some(({ length }) => length > 0) ? new TaskMixture(held) : undefined,
    notes,
  };
}

function describe(path: string, { train, held }: TaskSplit, share: number): string {
  const measured = held.length > 0 ? count(held.length) : "none";
  const drawn = `a share of ${share}; seed ${SPLIT_SEED}`;
  return `${path}: ${conversations(train)} to train on, ${measured} to measure on (${drawn})`;
}

/** How many conversations a task has, in words. */
export function conversations({ length }: Pick<Task, "length">): string {
  return `${count(length)} conversation${length === 1 ? "" : "s"}`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
