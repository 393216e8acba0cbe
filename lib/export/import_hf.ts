/**
 * A folder of transformers as a checkpoint in a base directory.
 */
import { basename, dirname, join, resolve } from "@std/path";
import {
  checkpointDirectory,
  type CheckpointFiles,
  checkpointFiles,
  DiskFolder,
  fileNames,
} from "../checkpoint/disk/mod.ts";
import {
  checkParameters,
  type CheckpointSource,
  findEra,
  type TensorSource,
} from "../checkpoint/mod.ts";
import { optionError, UserError } from "../errors.ts";
import { type ModelParts, NEWEST_PARTS } from "../model_parts.ts";
import { parameterSpecs } from "../model/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import type { RunIo } from "../training/mod.ts";
import { converted } from "./convert.ts";
import { writeCheckpoint } from "./export_nanochat.ts";
import { fromClassName } from "./hf_names.ts";
import { NewFolder } from "./new_folder.ts";
import { withProgress } from "./progress.ts";
import { checkModelType, type HfModel, readHfConfig } from "./read_hf_config.ts";
import { readJsonFile } from "./read_json_file.ts";
import { readTokenizerJson } from "./read_tokenizer_json.ts";
import { BESIDE_WEIGHTS, bytesOfAll } from "./shards.ts";
import { withOpenParts } from "./stored_model.ts";
import { openWeights, type Weights } from "./weights.ts";

/** What is imported, and where to. */
export interface ImportOptions {
  /** Path of the folder, as transformers saves one. */
  hf: string;
  /** Whether it is a base model or which kind of fine-tuned one; what the folder says unless given. */
  source?: CheckpointSource;
  /** The tag that it gets; what the folder says, else its name, unless given. */
  tag?: string;
  /** What it is taken for where the folder does not say. */
  otherwise?: { source: CheckpointSource; tag: string };
}

/** What a folder of transformers becomes. */
interface Plan {
  /** What its configuration says. */
  model: HfModel;
  /** Its tokenizer; the base directory gets it where it has none. */
  tokenizer: Tokenizer;
  /** Whether the base directory has none. */
  bringsTokenizer: boolean;
  /** The folder of its checkpoint. */
  directory: string;
}

/**
 * Takes a folder of transformers into the base directory, as nanochat's files: one of its class
 * `nanochat`, or of the class that an export writes.
 *
 * The tokenizer comes along where the base directory has none, and must be the same where it has.
 *
 * @returns The checkpoint's files.
 * @throws {UserError} when the folder is of another model, computes what nanochat does not, or is
 * damaged; when the tag is taken; or when the base directory has another tokenizer.
 */
export async function importHf(
  options: ImportOptions,
  { baseDir, terminal, signal }: Pick<RunIo, "baseDir" | "terminal" | "signal">,
): Promise<CheckpointFiles> {
  const { hf: folder } = options;
  const { model, tokenizer, bringsTokenizer, directory } = await planImport(options, baseDir);
  for (const note of model.notes) terminal.warn(note);

  using weights = await openWeights(folder);
  const tensors = parametersOf(model, weights, folder);
  const meta = metaFor(model, tensors, folder);
  await using target = await NewFolder.create(directory, bytesOfAll(tensors) + BESIDE_WEIGHTS);
  const { step } = model.origin;
  await withProgress("Importing", tensors, terminal, (onRead) => {
    const read = converted(tensors, { onRead, signal });
    return writeCheckpoint(target.temporaryPath, step, read, meta);
  });
  if (bringsTokenizer) await tokenizer.save(new DiskFolder(join(baseDir, "tokenizer")));
  await target.commit();
  return checkpointFiles(await fileNames(directory), directory, step);
}

/**
 * Looks at all of a folder of transformers but its weights, which need not be there yet.
 *
 * @throws {UserError} as {@linkcode importHf}, for what is not a matter of the weights.
 */
export async function checkImport(
  options: ImportOptions,
  { baseDir }: Pick<RunIo, "baseDir">,
): Promise<void> {
  await planImport(options, baseDir);
}

/** What the folder becomes, by its small files. */
async function planImport(options: ImportOptions, baseDir: string): Promise<Plan> {
  const { hf: folder } = options;
  const path = join(folder, "config.json");
  const raw = await readJsonFile(path);
  if (raw === undefined) {
    throw new UserError(`${folder}: holds no config.json; it should be a folder of transformers`);
  }
  checkModelType(raw, path);
  const tokenizer = await readTokenizer(folder);
  const model = readHfConfig(raw, path, tokenizer.vocabSize);
  const source = options.source ?? model.origin.source ?? options.otherwise?.source;
  if (source === undefined) {
    throw new UserError(
      `source must be said, for ${path} does not say whether it is a base model`,
      { detail: { kind: "option", option: "source" } },
    );
  }
  const tag = options.tag ?? model.origin.tag ?? options.otherwise?.tag ??
    basename(resolve(folder));
  const directory = checkpointDirectory(baseDir, source, tag);
  const there = await fileNames(directory).catch(() => []);
  if (there.length > 0) {
    throw optionError("tag", `one that ${dirname(directory)} does not hold yet`, tag);
  }
  const bringsTokenizer = await checkTokenizer(tokenizer, baseDir);
  return { model, tokenizer, bringsTokenizer, directory };
}

/** The tokenizer of the folder. */
async function readTokenizer(folder: string): Promise<Tokenizer> {
  const path = join(folder, "tokenizer.json");
  const json = await readJsonFile(path);
  if (json === undefined) throw new UserError(`${folder}: holds no tokenizer.json`);
  return readTokenizerJson(json, path);
}

/** Whether the base directory gets the tokenizer; it has none then. */
async function checkTokenizer(tokenizer: Tokenizer, baseDir: string): Promise<boolean> {
  const folder = new DiskFolder(join(baseDir, "tokenizer"));
  const file = await folder.open("tokenizer.pkl");
  if (file === undefined) return true;
  file[Symbol.dispose]();
  if (areEqual(await Tokenizer.load(folder), tokenizer)) return false;
  throw new UserError(
    `${folder.name}: is another tokenizer than the model's; import it into another base directory, ` +
      "which NANOCHAT_BASE_DIR names",
  );
}

/** Whether two tokenizers give the same ids. */
function areEqual(a: Tokenizer, b: Tokenizer): boolean {
  if (a.vocabSize !== b.vocabSize || a.pattern !== b.pattern) return false;
  for (let id = 0; id < a.vocabSize; id++) {
    if (a.decodeBytes([id]).join() !== b.decodeBytes([id]).join()) return false;
  }
  return [...a.specialTokens].every(([name, id]) => b.specialTokens.get(name) === id);
}

/** The parameters under nanochat's names, in its order. */
function parametersOf({ isClass, config, parts }: HfModel, weights: Weights, folder: string) {
  const tensors = new Map(
    weights.tensors.entries()
      .map(([name, tensor]) => [isClass ? fromClassName(name) ?? name : name, tensor]),
  );
  const specs = parameterSpecs(config, parts);
  checkParameters(tensors, specs, folder);
  return new Map(specs.map(({ name }) => [name, tensors.get(name)!]));
}

/**
 * The meta file with which nanochat's files say what the folder says.
 *
 * @throws {UserError} if none does: then it computes what no nanochat did with such parameters.
 */
function metaFor(
  { meta, parts, config }: HfModel,
  tensors: ReadonlyMap<string, TensorSource>,
  folder: string,
): Record<string, unknown> {
  const told = withOpenParts(meta, parts);
  const found = (meta: Record<string, unknown>): Required<ModelParts> => ({
    ...NEWEST_PARTS,
    ...findEra(tensors, config, { meta }, folder).parts,
  });
  const differing = (a: Required<ModelParts>) =>
    (Object.keys(parts) as (keyof ModelParts)[])
      .filter((part) => JSON.stringify(a[part]) !== JSON.stringify(parts[part]));
  if (differing(found(meta)).length === 0) return meta;
  const nearest = found(told);
  const wrong = differing(nearest);
  if (wrong.length === 0) return told;
  const says = wrong.map((part) =>
    `${part} ${JSON.stringify(parts[part])} where nanochat has ${JSON.stringify(nearest[part])}`
  );
  throw new UserError(`${folder}: computes what nanochat does not: ${says.join(", ")}`);
}
