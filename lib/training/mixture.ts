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
import { type RecipeName, RECIPES } from "./recipes.ts";

/** What a run's mixtures are made of. */
export interface MixtureOptions
  extends Omit<TrainMixtureOptions, "identityEpochs" | "simpleSpellingSize" | "spellingBeeSize"> {
  /** Whose mixture it is. */
  recipe: RecipeName;
  /** How many words to spell; undefined for the recipe's. */
  simpleSpellingSize: number | undefined;
  /** How many letters to count; undefined for the recipe's. */
  spellingBeeSize: number | undefined;
  /** Files of one's own conversations to mix in: `path`, or `path:epochs`. */
  data: readonly string[];
  /** Whether these alone are trained on. */
  dataOnly: boolean;
  /** Other keys that own files have for the usual ones: `messages=dialog,role=speaker`. */
  dataMap: string | undefined;
  /** Whether messages that one role has in a row are joined. */
  dataMerge: boolean;
  /** A file of one's own conversations to measure on; undefined for a share of {@link data}. */
  validation: string | undefined;
  /** The share of one's own conversations that is kept apart to measure on. */
  validationShare: number;
  /** A file that says what is mixed instead of the usual; undefined for the recipe's mixture. */
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
  const usual = RECIPES[options.recipe].mixture;
  const { mmluEpochs, gsm8kEpochs } = options;
  const amounts: TrainMixtureOptions = {
    identityEpochs: usual.identityEpochs,
    mmluEpochs,
    gsm8kEpochs,
    simpleSpellingSize: options.simpleSpellingSize ?? usual.simpleSpellingSize,
    spellingBeeSize: options.spellingBeeSize ?? usual.spellingBeeSize,
  };
  const train = file
    ? new TaskMixture([...file.train, ...own])
    : await trainMixture(source, amounts, own);
  const validation = file?.validation ? new TaskMixture(file.validation) : await valMixture(source);

  const mixed = file ? `as ${options.mixture} says` : describe(amounts, usual);
  const added = data.map(({ path, epochs }) => `, ${path} x${epochs}`).join("");
  note(`Training mixture: ${count(train.length)} conversations (${mixed}${added})`);
  note(
    `Validation mixture: ${count(validation.length)} conversations` +
      (file?.validation ? ` (as ${options.mixture} says)` : ""),
  );
  return { train, validation };
}

/** What is mixed, without what neither the recipe has nor the user asked for. */
function describe(amounts: TrainMixtureOptions, usual: TrainMixtureOptions): string {
  const words: { [Name in keyof TrainMixtureOptions]: string } = {
    identityEpochs: `identity x${amounts.identityEpochs}`,
    mmluEpochs: `MMLU x${amounts.mmluEpochs}`,
    gsm8kEpochs: `GSM8K x${amounts.gsm8kEpochs}`,
    simpleSpellingSize: `SimpleSpelling ${count(amounts.simpleSpellingSize)}`,
    spellingBeeSize: `SpellingBee ${count(amounts.spellingBeeSize)}`,
  };
  const names = Object.keys(words) as (keyof TrainMixtureOptions)[];
  const mixed = names.filter((name) => amounts[name] > 0 || usual[name] > 0);
  return ["SmolTalk", ...mixed.map((name) => words[name])].join(", ");
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
