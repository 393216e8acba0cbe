import type { Conversation } from "../conversation.ts";
import { CustomJSON } from "./custom_json.ts";
import { GSM8K } from "./gsm8k.ts";
import { MMLU } from "./mmlu.ts";
import { SimpleSpelling } from "./simple_spelling.ts";
import { SmolTalk } from "./smoltalk.ts";
import type { DatasetSource } from "./source.ts";
import { SpellingBee } from "./spelling_bee.ts";
import { repeatTask, type Task, TaskMixture } from "./task.ts";
import { loadWords } from "./words.ts";

/** Name of the identity conversations in the base directory. */
export const IDENTITY_FILE = "identity_conversations.jsonl";
/** How many problems of the test sets go into validation, to match the training set's shares. */
const VAL_MMLU = 5200;
const VAL_GSM8K = 420;

/** How much of what goes into the training mixture. */
export interface TrainMixtureOptions {
  /** How often the identity conversations are seen. */
  identityEpochs: number;
  /** How often MMLU's training questions are seen. */
  mmluEpochs: number;
  /** How often GSM8K's training problems are seen. */
  gsm8kEpochs: number;
  /** How many words to spell. */
  simpleSpellingSize: number;
  /** How many letters to count. */
  spellingBeeSize: number;
}

/** How much of what goes into nanochat's training mixture. */
export const TRAIN_MIXTURE: Readonly<TrainMixtureOptions> = {
  identityEpochs: 2,
  mmluEpochs: 3,
  gsm8kEpochs: 4,
  simpleSpellingSize: 200_000,
  spellingBeeSize: 80_000,
};

/**
 * nanochat's mixture for fine-tuning: SmolTalk, the identity conversations, MMLU and GSM8K several
 * times, and the spelling tasks, in the order that its shuffle expects them in.
 *
 * @param options How much of what, where it is not {@link TRAIN_MIXTURE}'s.
 * @param extra Tasks to mix in besides.
 * @throws {UserError} If the source lacks one of the datasets.
 */
export async function trainMixture(
  source: DatasetSource,
  {
    identityEpochs = TRAIN_MIXTURE.identityEpochs,
    mmluEpochs = TRAIN_MIXTURE.mmluEpochs,
    gsm8kEpochs = TRAIN_MIXTURE.gsm8kEpochs,
    simpleSpellingSize = TRAIN_MIXTURE.simpleSpellingSize,
    spellingBeeSize = TRAIN_MIXTURE.spellingBeeSize,
  }: Partial<TrainMixtureOptions> = {},
  extra: readonly Task[] = [],
): Promise<TaskMixture> {
  let tasks: Task<Conversation>[] = [await SmolTalk.load(source, { split: "train" })];
  if (identityEpochs > 0) {
    const identity = await CustomJSON.load(await source.open(IDENTITY_FILE), IDENTITY_FILE);
    tasks = tasks.concat(repeatTask(identity, identityEpochs));
  }
  if (mmluEpochs > 0) {
    const mmlu = await MMLU.load(source, { split: "auxiliary_train" });
    tasks = tasks.concat(repeatTask(mmlu, mmluEpochs));
  }
  if (gsm8kEpochs > 0) {
    const gsm8k = await GSM8K.load(source, { split: "train" });
    tasks = tasks.concat(repeatTask(gsm8k, gsm8kEpochs));
  }
  if (simpleSpellingSize + spellingBeeSize > 0) {
    const words = await loadWords(source);
    tasks.push(
      new SimpleSpelling(words, { size: simpleSpellingSize, split: "train" }),
      new SpellingBee(words, { size: spellingBeeSize, split: "train" }),
    );
  }
  return new TaskMixture([...tasks, ...extra]);
}

/**
 * nanochat's mixture for validation: SmolTalk's test split, and the heads of those of MMLU and
 * GSM8K.
 *
 * @throws {UserError} If the source lacks one of the datasets.
 */
export async function valMixture(source: DatasetSource): Promise<TaskMixture> {
  const tasks: Task<Conversation>[] = [
    await SmolTalk.load(source, { split: "test" }),
    await MMLU.load(source, { split: "test", stop: VAL_MMLU }),
    await GSM8K.load(source, { split: "test", stop: VAL_GSM8K }),
  ];
  return new TaskMixture(tasks);
}
