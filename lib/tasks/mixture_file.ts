import { dirname, resolve } from "@std/path";
import { UserError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { ARC } from "./arc.ts";
import { CustomJSON } from "./custom_json.ts";
import type { FormOptions } from "./forms/mod.ts";
import { GSM8K } from "./gsm8k.ts";
import { IDENTITY_FILE } from "./mixture.ts";
import { MMLU } from "./mmlu.ts";
import { OwnConversations } from "./own_data.ts";
import { SimpleSpelling } from "./simple_spelling.ts";
import { SmolTalk } from "./smoltalk.ts";
import type { DatasetSource } from "./source.ts";
import { SpellingBee } from "./spelling_bee.ts";
import { repeatTask, type Task } from "./task.ts";
import { loadWords } from "./words.ts";

/** The tasks that a mixture file names, each as often as it is to be seen. */
export interface MixtureFile {
  /** What to train on. */
  train: Task[];
  /** What to measure bits per byte on; undefined if the file does not say. */
  validation: Task[] | undefined;
  /** The tasks of {@link train} that are files of conversations, with their paths. */
  files: ReadonlyMap<Task, string>;
  /** What each file of conversations is, those of {@link validation} too. */
  recognised: readonly string[];
}

/** Values that a field of an entry may have, in words and as a test. */
interface Field {
  wanted: string;
  allows(value: unknown): boolean;
  /** Whether an entry must have it. */
  needed?: boolean;
}

/** How all own files are read. */
export type OwnForm = Omit<FormOptions, "train">;

/** What an entry may name: the fields it takes besides those that all take, and how it is loaded. */
interface Kind {
  fields: Record<string, Field>;
  /** The split that is meant where none is named, in `train` and in `validation`. */
  splits?: [train: string, validation: string];
  // `never` fits every loader: the fields were checked to be what it takes.
  load(source: DatasetSource, entry: never, how: OwnForm, signal?: AbortSignal): Promise<Task>;
}

/** An entry that was checked. */
interface Entry {
  kind: Kind;
  epochs: number;
  fields: { file?: string };
}

const positive: Field = {
  wanted: "a whole number from 1",
  allows: (value) => Number.isInteger(value) && (value as number) >= 1,
};
const text: Field = { wanted: "text", allows: (value) => typeof value === "string" };

function oneOf(...values: string[]): Field {
  return {
    wanted: `one of ${values.join(", ")}`,
    allows: (value) => values.includes(value as string),
  };
}

const needed = (field: Field): Field => ({ ...field, needed: true });

const COMMON_FIELDS = { epochs: positive, stop: positive };
const TRAIN_OR_TEST: Pick<Kind, "fields" | "splits"> = {
  fields: { split: oneOf("train", "test") },
  splits: ["train", "test"],
};
const MADE: Pick<Kind, "fields" | "splits"> = {
  ...TRAIN_OR_TEST,
  fields: { ...TRAIN_OR_TEST.fields, size: needed(positive) },
};

const TASKS = new Map<unknown, Kind>(Object.entries<Kind>({
  SmolTalk: { ...TRAIN_OR_TEST, load: SmolTalk.load },
  Identity: {
    fields: {},
    load: async (source, slice) =>
      await CustomJSON.load(await source.open(IDENTITY_FILE), IDENTITY_FILE, slice),
  },
  MMLU: {
    fields: { split: oneOf("auxiliary_train", "validation", "dev", "test") },
    splits: ["auxiliary_train", "test"],
    load: MMLU.load,
  },
  GSM8K: { ...TRAIN_OR_TEST, load: GSM8K.load },
  ARC: {
    fields: {
      subset: needed(oneOf("ARC-Easy", "ARC-Challenge")),
      split: oneOf("train", "validation", "test"),
    },
    splits: ["train", "test"],
    load: ARC.load,
  },
  SimpleSpelling: {
    ...MADE,
    load: async (source, options) => new SimpleSpelling(await loadWords(source), options),
  },
  SpellingBee: {
    ...MADE,
    load: async (source, options) => new SpellingBee(await loadWords(source), options),
  },
}));

/** A file of conversations. */
interface FileEntry extends Pick<FormOptions, "train"> {
  file: string;
  stop?: number;
}

const FILE: Kind = {
  fields: { file: needed(text), train: oneOf("all", "last") },
  load: async (_, { file, train, stop }: FileEntry, how, signal) =>
    await OwnConversations.load(file, { ...how, train }, { stop }, signal),
};

/**
 * Reads a mixture file: JSON that says what to train on instead of nanochat's mixture.
 *
 * ```json
 * {
 *   "train": [
 *     { "task": "SmolTalk" },
 *     { "task": "Identity", "epochs": 2 },
 *     { "task": "MMLU", "epochs": 3 },
 *     { "task": "ARC", "subset": "ARC-Easy" },
 *     { "task": "SpellingBee", "size": 80000 },
 *     { "file": "own.jsonl", "epochs": 3, "train": "last" }
 *   ],
 *   "validation": [{ "task": "SmolTalk" }, { "task": "MMLU", "stop": 5200 }]
 * }
 * ```
 *
 * An entry is a task (SmolTalk, Identity, MMLU, GSM8K, ARC, SimpleSpelling, SpellingBee) or a file
 * of conversations, its path taken from the mixture file's folder. `epochs` is how often it is seen
 * (1), `stop` the row to stop before (none), `split` the dataset's split (in `train` the one to
 * train on, in `validation` `test`), `subset` ARC's, `size` how many examples a spelling task
 * makes, `train` which of the assistant's messages of a file are trained on: `all`, or each
 * conversation's `last`. Without `validation`, nanochat's validation mixture is measured.
 *
 * The whole file and all files of conversations are checked before any dataset is loaded.
 *
 * @param how How files of conversations are read.
 * @param signal Breaks the reading of files off when aborted: its reason is thrown.
 * @throws {UserError} Naming the entry or line that is wrong, or if the source lacks a dataset.
 */
export async function loadMixtureFile(
  path: string,
  source: DatasetSource,
  how: OwnForm = {},
  signal?: AbortSignal,
): Promise<MixtureFile> {
  const { train, validation } = await readEntries(path);
  const tasks = new Map<Entry, Task>();
  // Files first: their faults are found before anything is fetched.
  const entries = [...train, ...validation ?? []];
  for (
    const entry of entries.toSorted((a, b) => Number(a.kind !== FILE) - Number(b.kind !== FILE))
  ) {
    tasks.set(entry, await entry.kind.load(source, entry.fields as never, how, signal));
  }
  const repeat = (list: Entry[]) =>
    list.flatMap((entry) => repeatTask(tasks.get(entry)!, entry.epochs));
  const own = [...tasks.values()].filter((task) => task instanceof OwnConversations);
  const files = train.filter(({ kind }) => kind === FILE)
    .map((entry) => [tasks.get(entry)!, entry.fields.file!] as const);
  return {
    train: repeat(train),
    validation: validation && repeat(validation),
    files: new Map(files),
    recognised: [...new Set(own.map(({ recognised }) => recognised))],
  };
}

async function readEntries(
  path: string,
): Promise<{ train: Entry[]; validation: Entry[] | undefined }> {
  let json: unknown;
  try {
    json = parseJson(await Deno.readTextFile(path));
  } catch (error) {
    throw new UserError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  const { train, validation, ...others } = Object(json);
  if (train === undefined || Object.keys(others).length > 0) {
    throw new UserError(
      `${path}: a mixture is an object with the list "train" and, where wanted, "validation"`,
    );
  }
  return {
    train: checkEntries(path, "train", train),
    validation: validation === undefined ? undefined : checkEntries(path, "validation", validation),
  };
}

function checkEntries(path: string, list: "train" | "validation", entries: unknown): Entry[] {
  if (!Array.isArray(entries) || entries.length === 0) {
    throw new UserError(`${path}, ${list}: must be a list of one entry or more`);
  }
  return entries.map((entry, i) => {
    try {
      return checkEntry(entry, list, dirname(path));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${path}, ${list}[${i}]: ${error.message}`);
    }
  });
}

function checkEntry(value: unknown, list: "train" | "validation", folder: string): Entry {
  const { task, ...given } = Object(value) as Record<string, unknown>;
  if ((task === undefined) === (given.file === undefined)) {
    throw new UserError('an entry is an object with either a "task" or a "file"');
  }
  const kind = task === undefined ? FILE : TASKS.get(task);
  if (kind === undefined) {
    const known = [...TASKS.keys()].join(", ");
    throw new UserError(`unknown task ${JSON.stringify(task)}; there are ${known}`);
  }
  const known: Record<string, Field> = { ...kind.fields, ...COMMON_FIELDS };
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(known, key));
  if (unknown !== undefined) {
    const keys = Object.keys(known).join(", ");
    throw new UserError(`unknown key "${unknown}"; ${task ?? "a file"} takes ${keys}`);
  }
  for (const [key, { wanted, allows, needed }] of Object.entries(known)) {
    if (given[key] === undefined && !needed || allows(given[key])) continue;
    const found = JSON.stringify(given[key]) ?? "missing";
    throw new UserError(`"${key}" must be ${wanted}, but is ${found}`);
  }
  const { epochs = 1, ...fields } = given;
  const [train, validation] = kind.splits ?? [];
  fields.split ??= list === "train" ? train : validation;
  if (kind === FILE) fields.file = resolve(folder, fields.file as string);
  return { kind, epochs: epochs as number, fields };
}
