/**
 * What a run trains on and is measured on: nanochat's mixtures, a mixture file's, and the user's
 * own conversations.
 *
 * @module
 */
import { optionError } from "../errors.ts";
import {
  type DatasetSource,
  loadMixtureFile,
  type Task,
  TaskMixture,
  trainMixture,
  type TrainMixtureOptions,
  valMixture,
} from "../tasks/mod.ts";
import {
  conversations,
  loadOwnFiles,
  type OwnDataOptions,
  ownForm,
  splitOwn,
} from "./own_parts.ts";
import { type RecipeName, RECIPES } from "./recipes.ts";

/** What a run's mixtures are made of. */
export interface MixtureOptions
  extends
    Omit<TrainMixtureOptions, "identityEpochs" | "simpleSpellingSize" | "spellingBeeSize">,
    OwnDataOptions {
  /** Whose mixture it is. */
  recipe: RecipeName;
  /** How many words to spell; undefined for the recipe's. */
  simpleSpellingSize: number | undefined;
  /** How many letters to count; undefined for the recipe's. */
  spellingBeeSize: number | undefined;
  /** Whether own conversations alone are trained on. */
  dataOnly: boolean;
  /** A file that says what is mixed instead of the usual; undefined for the recipe's mixture. */
  mixture: string | undefined;
}

/** The mixtures of a run. */
export interface RunMixtures {
  /** What it trains on. */
  train: TaskMixture;
  /** What its bits per byte are measured on: {@link own}, where it trains on own ones alone. */
  validation: TaskMixture;
  /** One's own conversations that are measured; undefined where there are none. */
  own?: TaskMixture;
  /** The tasks of {@link train} that are own files, each as often as it is there. */
  ownTrain?: readonly Task[];
}

/**
 * Checks that there is something to train on where own conversations alone are.
 *
 * @throws {UserError} naming the option, where there are none, or a mixture file says what is mixed.
 */
export function checkDataOnly(
  { dataOnly, data, mixture }: Pick<MixtureOptions, "dataOnly" | "data" | "mixture">,
): void {
  if (!dataOnly) return;
  if (mixture !== undefined) {
    throw optionError("dataOnly", "left out where a mixture file says what is mixed", dataOnly);
  }
  if (data.length > 0) return;
  throw optionError("dataOnly", "left out where no file of own conversations is given", dataOnly);
}

/**
 * Loads what `--mixture`, `--data` and the flags of nanochat's mixture ask for. The user's own
 * files come first: their faults are found before a dataset is fetched. Of own files alone, no
 * dataset is.
 *
 * @param note Told what was mixed: lines about own files, then one for training and one for validation.
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
  checkDataOnly(options);
  const how = ownForm(options);
  const files = await loadOwnFiles(options, how, signal);
  const file = options.mixture === undefined
    ? undefined
    : await loadMixtureFile(options.mixture, source, how, signal);
  how.map?.checkSeen();
  const own = await splitOwn(files, options, file, signal);
  const added = files.data.map(({ path, epochs }) => `${path} x${epochs}`);
  const noteMixtures = (
    { train, validation }: RunMixtures,
    mixed: string[],
    validated: string,
  ) => {
    const all = [...mixed, ...added].join(", ");
    own.notes.forEach(note);
    note(`Training mixture: ${conversations(train)} (${all})`);
    note(`Validation mixture: ${conversations(validation)}${validated}`);
  };

  if (options.dataOnly) {
    const validation = own.held ?? new TaskMixture([]);
    const train = new TaskMixture(own.train);
    const mixtures = { train, validation, own: own.held, ownTrain: own.train };
    noteMixtures(mixtures, [], " (own ones)");
    return mixtures;
  }
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
    ? new TaskMixture([...own.ofMixture, ...own.train])
    : await trainMixture(source, amounts, own.train);
  const validation = file?.validation ? new TaskMixture(file.validation) : await valMixture(source);
  const ownTrain = [...own.filesOfMixture, ...own.train];
  const mixtures = { train, validation, own: own.held, ownTrain };
  noteMixtures(
    mixtures,
    [file ? `as ${options.mixture} says` : describe(amounts, usual)],
    file?.validation ? ` (as ${options.mixture} says)` : "",
  );
  return mixtures;
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
