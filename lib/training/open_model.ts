/**
 * A checkpoint as a model on a device, with its tokenizer.
 *
 * @module
 */
import { type CheckpointFiles, findCheckpoint } from "../checkpoint/disk/mod.ts";
import type { CheckpointMeta, CheckpointSource, Era, Said } from "../checkpoint/mod.ts";
import type { Device } from "../device/mod.ts";
import { type ComputeType, GPT, type WeightType } from "../model/mod.ts";
import { pause } from "../pause.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import type { ModelShape } from "./count_answers.ts";
import { openCheckpoint, type OpenedCheckpoint, openTokenizer } from "./open_checkpoint.ts";

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
  /** How many of its weights were rounded to the type in which they are kept. */
  rounded: number;
}

/** Which checkpoint, see {@link findCheckpoint}, and what its files do not say. */
export interface WhichModel extends Said {
  /** Which kind of model. */
  source: CheckpointSource;
  /** Its folder; the deepest model unless given. */
  tag?: string;
  /** Its step; the last unless given. */
  step?: number;
}

/** How a model is loaded. */
export interface LoadOptions {
  /** Whether it gets gradients. */
  training?: boolean;
  /** In which type it computes; float32 unless given. */
  dtype?: ComputeType;
  /** Type of its weights; float32 unless given. */
  weights?: WeightType;
  /** Tokens of a step, see {@link GPT}; as many as there may be unless given. */
  stepTokens?: number;
  /** Breaks the loading off. */
  signal?: AbortSignal;
}

/** A checkpoint that was found and looked at, of which no tensor is read yet. */
export interface FoundModel extends Omit<OpenedModel, "model" | "rounded"> {
  /** What decides how large the model is. */
  shape: ModelShape;
  /**
   * Loads the model onto a device.
   *
   * @throws {UserError} when a tensor cannot be read, or the device cannot hold it.
   */
  load(device: Device, options?: LoadOptions): Promise<OpenedModel>;
}

/**
 * Finds a checkpoint and looks at it.
 *
 * @param baseDir nanochat's base directory.
 * @throws {UserError} when the checkpoint is missing, damaged, or of another vocabulary than the
 * tokenizer.
 */
export async function findModel(baseDir: string, options: WhichModel): Promise<FoundModel> {
  const files = await findCheckpoint(baseDir, options);
  const tokenizer = await openTokenizer(baseDir, files);
  using found = await openCheckpoint(files, options);
  const { meta, era, era: { config, parts } } = found;
  const shape = { config, parts };
  const load = async (
    device: Device,
    { training, dtype, weights = "float32", stepTokens, signal }: LoadOptions = {},
  ) => {
    // Anew, so that it is open no longer than it is read.
    using opened = await openCheckpoint(files, options);
    const { tensors } = opened;
    const model = new GPT(device, config, { parts, training, dtype, weights, stepTokens });
    await fill(model, opened, signal);
    let rounded = 0;
    for (const { name, value } of model.parameters.values()) {
      const isRounded = value.dtype !== "float32" && tensors.get(name)!.dtype !== value.dtype;
      if (isRounded) rounded += value.size;
    }
    return { model, tokenizer, meta, era, files, rounded };
  };
  return { shape, tokenizer, meta, era, files, load };
}

/**
 * Loads a checkpoint's model onto a device: {@link findModel}, and then all its tensors.
 *
 * @param baseDir nanochat's base directory.
 * @throws {UserError} when the checkpoint is missing, damaged, or of another vocabulary than the
 * tokenizer, or the device cannot hold it.
 */
export async function openModel(
  device: Device,
  baseDir: string,
  options: WhichModel & LoadOptions,
): Promise<OpenedModel> {
  const found = await findModel(baseDir, options);
  return await found.load(device, options);
}

/**
 * Loads the weights of another checkpoint of the same model into one that is open.
 *
 * @throws {UserError} when the checkpoint is damaged.
 */
export async function loadWeights(model: GPT, files: CheckpointFiles): Promise<void> {
  using opened = await openCheckpoint(files, {});
  await fill(model, opened);
}

async function fill(
  model: GPT,
  { tensors }: OpenedCheckpoint,
  signal?: AbortSignal,
): Promise<void> {
  await model.load(async (name, start, count) => {
    await pause(signal);
    return await tensors.get(name)!.readFloat32(start, count);
  });
}
