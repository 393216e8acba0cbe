/**
 * What a run trains on and is measured on: nanochat's mixtures, a mixture file's, and the user's
 * own conversations.
 *
 * @module
 */
import {
  type DatasetSource,
  loadMixtureFile,
  loadOwnData,
  parseOwnData,
  TaskMixture,
  trainMixture,
  type TrainMixtureOptions,
  valMixture,
} from "../tasks/mod.ts";

/** What a run's mixtures are made of. */
export interface MixtureOptions extends TrainMixtureOptions {
  /** Files of one's own conversations to mix in: `path`, or `path:epochs`. */
  data: readonly string[];
  /** A file that says what is mixed instead of the usual; undefined for nanochat's mixture. */
  mixture: string | undefined;
}

/** The mixtures of a run. */
export interface RunMixtures {
  /** What it trains on. */
  train: TaskMixture;
  /** What its bits per byte are measured on. */
  validation: TaskMixture;
}

/**
 * Loads what `--mixture`, `--data` and the flags of nanochat's mixture ask for. The user's own
 * files come first: their faults are found before a dataset is fetched.
 *
 * @param note Told what was mixed, a line for training and one for validation.
 * @param signal Breaks the reading of the user's files off when aborted: its reason is thrown. A
 * source has its own.
 * @throws {UserError} Naming the file and line that is wrong, or if the source lacks a dataset.
 */
export async function trainingMixture(
  options: MixtureOptions,
  source: DatasetSource,
  note: (line: string) => void = () => {},
  signal?: AbortSignal,
): Promise<RunMixtures> {
  const data = options.data.map(parseOwnData);
  const own = await loadOwnData(data, signal);
  const file = options.mixture === undefined
    ? undefined
    : await loadMixtureFile(options.mixture, source, signal);
  const train = file
    ? new TaskMixture([...file.train, ...own])
    : await trainMixture(source, options, own);
  const validation = file?.validation ? new TaskMixture(file.validation) : await valMixture(source);

  const recipe = file ? `as ${options.mixture} says` : [
    "SmolTalk",
    "identity x2",
    `MMLU x${options.mmluEpochs}`,
    `GSM8K x${options.gsm8kEpochs}`,
    `SimpleSpelling ${count(options.simpleSpellingSize)}`,
    `SpellingBee ${count(options.spellingBeeSize)}`,
  ].join(", ");
  const added = data.map(({ path, epochs }) => `, ${path} x${epochs}`).join("");
  note(`Training mixture: ${count(train.length)} conversations (${recipe}${added})`);
  note(
    `Validation mixture: ${count(validation.length)} conversations` +
      (file?.validation ? ` (as ${options.mixture} says)` : ""),
  );
  return { train, validation };
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
