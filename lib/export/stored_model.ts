/**
 * A checkpoint as it lies on the disk, with its tokenizer: what an export is made of.
 */
import { join } from "@std/path";
import {
  type CheckpointFiles,
  DiskFolder,
  findCheckpoint,
  openTorchFile,
  readMeta,
} from "../checkpoint/disk/mod.ts";
import {
  checkParameters,
  type CheckpointSource,
  type Era,
  openParts,
  readStateDict,
  type Said,
  type TensorSource,
  toModelConfigJson,
} from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import type { ModelConfig } from "../model_config.ts";
import { type ModelParts, NEWEST_PARTS } from "../model_parts.ts";
import { parameterSpecs } from "../model/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import type { ModelOptions } from "../training/mod.ts";

/** A checkpoint whose tensors are read when they are wanted. */
export interface StoredModel extends Disposable {
  /** Whether it is a base model or which kind of fine-tuned one. */
  source: CheckpointSource;
  /** Its files. */
  files: CheckpointFiles;
  /** What its meta file says, but for what only the process needed that wrote it. */
  meta: Record<string, unknown>;
  /** Which of nanochat's architectures it is of. */
  era: Era;
  /** Its shape. */
  config: ModelConfig;
  /** What it computes. */
  parts: Required<ModelParts>;
  /** Its parameters by nanochat's names, in nanochat's order. */
  tensors: ReadonlyMap<string, TensorSource>;
  /** The tokenizer of its base directory. */
  tokenizer: Tokenizer;
}

/** Keys of a meta file that are about the process that wrote it, and not about the model. */
const RUN_KEYS = ["run", "run_state", "saved"];

/**
 * Opens a checkpoint; disposing of it closes its file. No tensor is read.
 *
 * @throws {UserError} when it is missing or damaged, or the tokenizer is another's.
 */
export async function openStored(
  { source, modelTag: tag, step, softcap, windowPattern }: ModelOptions,
  baseDir: string,
): Promise<StoredModel> {
  const files = await findCheckpoint(baseDir, { source, tag, step });
  const directory = join(baseDir, "tokenizer");
  const tokenizer = await Tokenizer.load(new DiskFolder(directory));
  using opened = new DisposableStack();
  const model = opened.use(await openFiles(files, { source, softcap, windowPattern, tokenizer }));
  if (tokenizer.vocabSize !== model.config.vocabSize) {
    throw new UserError(
      `${files.model} has ${model.config.vocabSize} tokens, but the tokenizer in ${directory} has ` +
        `${tokenizer.vocabSize}; use the tokenizer that the model was trained with`,
    );
  }
  opened.move();
  return model;
}

/** As {@linkcode openStored}, from known files and with a known tokenizer. */
export async function openFiles(
  files: CheckpointFiles,
  { softcap, windowPattern, ...known }: Pick<StoredModel, "source" | "tokenizer"> & Said,
): Promise<StoredModel> {
  const { modelConfig, raw } = await readMeta(files.meta);
  using opened = new DisposableStack();
  const file = opened.use(await openTorchFile(files.model));
  const said = { meta: raw, softcap, windowPattern };
  const { tensors, parts, era } = readStateDict(file, modelConfig, said);
  const { config } = era;
  const specs = parameterSpecs(config, parts);
  checkParameters(tensors, specs, files.model);
  const meta = Object.fromEntries(Object.entries(raw).filter(([key]) => !RUN_KEYS.includes(key)));
  // What a person said is kept for those who open the export.
  if (windowPattern !== undefined) meta.model_config = toModelConfigJson(config, parts);
  const kept = opened.move();
  return {
    ...known,
    files,
    meta: softcap === undefined ? meta : withOpenParts(meta, parts),
    era,
    config,
    parts: { ...NEWEST_PARTS, ...parts },
    tensors: new Map(specs.map(({ name }) => [name, tensors.get(name)!])),
    [Symbol.dispose]: () => kept.dispose(),
  };
}

/** A meta file that also says what of a model's parts its parameters do not tell. */
export function withOpenParts(
  meta: Record<string, unknown>,
  parts: ModelParts,
): Record<string, unknown> {
  const user_config = { ...meta.user_config as object, ...openParts(parts) };
  return Object.keys(user_config).length > 0 ? { ...meta, user_config } : meta;
}
