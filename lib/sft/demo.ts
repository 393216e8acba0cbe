/**
 * What a run does where there is nothing yet: it fine-tunes the tiny base model that ships with
 * the package, on the samples that ship too. Both are placed in a folder of their own, which is a
 * base directory like any other.
 *
 * @module
 */
import { join } from "@std/path";
import { EmbeddedSource } from "../tasks/mod.ts";
import {
  demoDir,
  needsShippedBase,
  placeFile,
  placeShippedBase,
  RECIPES,
} from "../training/mod.ts";
import type { SftOptions } from "./options.ts";

/** The samples' datasets, as folders of splits. */
const SPLITS = [
  "HuggingFaceTB--smol-smoltalk/default/train",
  "HuggingFaceTB--smol-smoltalk/default/test",
  "cais--mmlu/all/auxiliary_train",
  "cais--mmlu/all/test",
  "openai--gsm8k/main/train",
  "openai--gsm8k/main/test",
  "allenai--ai2_arc/ARC-Easy/test",
  "allenai--ai2_arc/ARC-Challenge/test",
  "openai--openai_humaneval/openai_humaneval/test",
];
const SINGLE_FILES = ["identity_conversations.jsonl", "words_alpha.txt"];

/**
 * Places the shipped tiny base model, its tokenizer and the samples of every dataset in the
 * demonstration's base directory; files that are there stay as they are.
 *
 * @param baseDir The folder that gets the demonstration, as its folder `demo`.
 * @returns The demonstration's base directory.
 * @throws {UserError} when a file cannot be read from the package or written.
 */
export async function placeDemo(baseDir: string): Promise<string> {
  const directory = demoDir(baseDir);
  const samples = new EmbeddedSource();
  for (const split of SPLITS) {
    const path = join(directory, "task_data", split, "data.jsonl");
    await placeFile(path, () => samples.open(`${split}.jsonl`));
  }
  for (const name of SINGLE_FILES) await placeFile(join(directory, name), () => samples.open(name));
  await placeShippedBase(directory);
  return directory;
}

/** Whether a run that asks for no model in particular has none here and takes the shipped one. */
export async function needsDemo(options: SftOptions, baseDir: string): Promise<boolean> {
  return !options.resume && await needsShippedBase(options, baseDir);
}

/** No optimizer's state ships: it is larger than the model. */
const WITHOUT_OPTIMIZER: Partial<SftOptions> = { loadOptimizer: false };
/** Settings that make a run of a few minutes on two cores. */
const DEMO_SETTINGS: Partial<SftOptions> = {
  ...WITHOUT_OPTIMIZER,
  numIterations: 240,
  evalEvery: 60,
  evalTokens: 65536,
  chatcoreEvery: -1,
  chatcoreMaxCat: 100,
  chatcoreMaxSample: 16,
};
/** How much spelling is in it, where the recipe has any. */
const DEMO_SPELLING: Partial<SftOptions> = { simpleSpellingSize: 6000, spellingBeeSize: 3000 };

/**
 * The options of a demonstration: its own settings for whatever was not said, unless own conversations
 * alone are trained on, which have others.
 */
export function demoOptions(options: SftOptions): SftOptions {
  if (options.dataOnly) return { ...options, ...WITHOUT_OPTIMIZER };
  const said = Object.fromEntries(options.given.map((name) => [name, options[name]]));
  const hasSpelling = RECIPES[options.recipe].mixture.spellingBeeSize > 0;
  return { ...options, ...DEMO_SETTINGS, ...hasSpelling ? DEMO_SPELLING : {}, ...said };
}
