/**
 * A checkpoint as it lies on the disk, with its tokenizer: what an export is made of.
 */
import { type CheckpointFiles, findCheckpoint } from "../checkpoint/disk/mod.ts";
import { toModelConfigJson } from "../checkpoint/meta.ts";
import {
  type CheckpointSource,
  type Era,
  openParts,
  type Said,
  type TensorSource,
} from "../checkpoint/mod.ts";
import type { ModelConfig } from "../model_config.ts";
import { type ModelParts, NEWEST_PARTS } from "../model_parts.ts";
import { parameterSpecs } from "../model/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { type ModelOptions, openCheckpoint, openTokenizer } from "../training/mod.ts";

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
  const tokenizer = await openTokenizer(baseDir, files);
  return await openFiles(files, { source, tokenizer }, { softcap, windowPattern });
}

/** As {@linkcode openStored}, from known files and with a known tokenizer. */
export async function openFiles(
  files: CheckpointFiles,
  known: Pick<StoredModel, "source" | "tokenizer">,
  said: Said,
): Promise<StoredModel> {
  using opened = new DisposableStack();
  const { meta: { raw }, era, tensors } = opened.use(await openCheckpoint(files, said));
  const { config, parts } = era;
  const meta = Object.fromEntries(Object.entries(raw).filter(([key]) => !RUN_KEYS.includes(key)));
  const kept = opened.move();
  return {
    ...known,
    files,
    meta: withSaid(meta, said, era),
    era,
    config,
    parts: { ...NEWEST_PARTS, ...parts },
    tensors: new Map(parameterSpecs(config, parts).map(({ name }) => [name, tensors.get(name)!])),
    [Symbol.dispose]: () => kept.dispose(),
  };
}

/** A meta file that keeps what a person said of a model, for those who open the export. */
function withSaid(
  meta: Record<string, unknown>,
  { softcap, windowPattern }: Said,
  { config, parts }: Era,
): Record<string, unknown> {
  const told = softcap === undefined ? meta : withOpenParts(meta, parts);
  if (windowPattern === undefined) return told;
  return { ...told, model_config: toModelConfigJson(config, parts) };
}

/** A meta file that also says what of a model's parts its parameters do not tell. */
export function withOpenParts(
  meta: Record<string, unknown>,
  parts: ModelParts,
): Record<string, unknown> {
  const user_config = { ...meta.user_config as object, ...openParts(parts) };
  return Object.keys(user_config).length > 0 ? { ...meta, user_config } : meta;
}
