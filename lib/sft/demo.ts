/**
 * What a run does where there is nothing yet: it fine-tunes the tiny base model that ships with
 * the package, on the samples that ship too. Both are placed in a folder of their own, which is a
 * base directory like any other.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { StagedFile } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import { EmbeddedSource } from "../tasks/mod.ts";
import { demoDir, holds, RECIPES } from "../training/mod.ts";
import type { SftOptions } from "./options.ts";

/** Where the base model lies in the package. */
const SHIPPED_BASE = new URL("../../data/base/", import.meta.url);

/** Its files; the deciding one comes last. */
const BASE_FILES = [
  "tokenizer/tokenizer.pkl",
  "tokenizer/token_bytes.pt",
  "base_checkpoints/d4/model_001000.pt",
  "base_checkpoints/d4/meta_001000.json",
];

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
    await place(path, () => samples.open(`${split}.jsonl`));
  }
  for (const name of SINGLE_FILES) await place(join(directory, name), () => samples.open(name));
  for (const name of BASE_FILES) {
    await place(join(directory, name), () => openShipped(new URL(name, SHIPPED_BASE)));
  }
  return directory;
}

async function openShipped(url: URL): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok) throw new UserError(`cannot read the shipped model's file ${url}`);
  return response.body!;
}

async function place(path: string, open: () => Promise<ReadableStream<Uint8Array>>): Promise<void> {
  if (await Deno.stat(path).then(() => true, () => false)) return;
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw new UserError(`${dirname(path)} cannot be made: ${(error as Error).message}`);
  }
  await using file = await StagedFile.create(path);
  for await (const bytes of await open()) await file.write(bytes);
  await file.commit();
}

/** Whether a run that asks for no model in particular has none here and takes the shipped one. */
export async function needsDemo(options: SftOptions, baseDir: string): Promise<boolean> {
  return options.source === "base" && options.modelTag === undefined && !options.resume &&
    !await holds(baseDir, "base_checkpoints");
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
