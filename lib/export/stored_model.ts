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
  type CheckpointMeta,
  type CheckpointSource,
  readStateDict,
  type TensorSource,
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
  /** What its meta file says. */
  meta: CheckpointMeta;
  /** Its shape. */
  config: ModelConfig;
  /** What it computes. */
  parts: Required<ModelParts>;
  /** Its parameters by nanochat's names, in nanochat's order. */
  tensors: ReadonlyMap<string, TensorSource>;
  /** The tokenizer of its base directory. */
  tokenizer: Tokenizer;
}

/**
 * Opens a checkpoint; disposing of it closes its file. No tensor is read.
 *
 * @throws {UserError} when it is missing or damaged, or the tokenizer is another's.
 */
export async function openStored(
  { source, modelTag: tag, step }: ModelOptions,
  baseDir: string,
): Promise<StoredModel> {
  const files = await findCheckpoint(baseDir, { source, tag, step });
  const meta = await readMeta(files.meta);
  const { modelConfig: config } = meta;
  const directory = join(baseDir, "tokenizer");
  const tokenizer = await Tokenizer.load(new DiskFolder(directory));
  if (tokenizer.vocabSize !== config.vocabSize) {
    throw new UserError(
      `${files.model} has ${config.vocabSize} tokens, but the tokenizer in ${directory} has ` +
        `${tokenizer.vocabSize}; use the tokenizer that the model was trained with`,
    );
  }
  using opened = new DisposableStack();
  const file = opened.use(await openTorchFile(files.model));
  const { tensors, parts } = readStateDict(file, config);
  const specs = parameterSpecs(config, parts);
  checkParameters(tensors, specs, files.model);
  const inOrder = new Map(specs.map(({ name }) => [name, tensors.get(name)!]));
  const kept = opened.move();
  return {
    source,
    files,
    meta,
    config,
    parts: { ...NEWEST_PARTS, ...parts },
    tensors: inOrder,
    tokenizer,
    [Symbol.dispose]: () => kept.dispose(),
  };
}
