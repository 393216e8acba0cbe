/**
 * A checkpoint as a model on a device, with its tokenizer.
 *
 * @module
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
  type Era,
  readStateDict,
} from "../checkpoint/mod.ts";
import type { Device } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { GPT, parameterSpecs } from "../model/mod.ts";
import { pause } from "../pause.ts";
import { Tokenizer } from "../tokenizer/mod.ts";

/** A checkpoint that was opened. */
export interface OpenedModel {
  /** The model, its parameters loaded. */
  model: GPT;
  /** The tokenizer of the base directory. */
  tokenizer: Tokenizer;
  /** What the checkpoint's meta file says. */
  meta: CheckpointMeta;
  /** Which of nanochat's architectures it is of. */
  era: Era;
  /** Where it lies. */
  files: CheckpointFiles;
}

/**
 * Loads a checkpoint's model onto a device.
 *
 * @param baseDir nanochat's base directory.
 * @param options Which checkpoint, see {@link findCheckpoint}; `softcap` of its logits, where its
 * files do not tell it; `training` adds gradients; `signal` breaks the loading off.
 * @throws {UserError} when the checkpoint is missing, damaged, or of another vocabulary than the
 * tokenizer, or the device cannot hold it.
 */
export async function openModel(
  device: Device,
  baseDir: string,
  options: {
    source: CheckpointSource;
    tag?: string;
    step?: number;
    softcap?: number;
    training?: boolean;
    signal?: AbortSignal;
  },
): Promise<OpenedModel> {
  const files = await findCheckpoint(baseDir, options);
  const meta = await readMeta(files.meta);
  const directory = join(baseDir, "tokenizer");
  const tokenizer = await Tokenizer.load(new DiskFolder(directory));
  const { vocabSize } = meta.modelConfig;
  if (tokenizer.vocabSize !== vocabSize) {
    throw new UserError(
      `${files.model} was trained with ${vocabSize} tokens, but the tokenizer in ${directory} ` +
        `has ${tokenizer.vocabSize}; use the tokenizer that the model was trained with`,
    );
  }
  using file = await openTorchFile(files.model);
  const known = { meta: meta.raw, softcap: options.softcap };
  const { tensors, parts, era } = readStateDict(file, meta.modelConfig, known);
  checkParameters(tensors, parameterSpecs(meta.modelConfig, parts), files.model);
  const model = new GPT(device, meta.modelConfig, { parts, training: options.training });
  await model.load(async (name, start, count) => {
    await pause(options.signal);
    return await tensors.get(name)!.readFloat32(start, count);
  });
  return { model, tokenizer, meta, era, files };
}
