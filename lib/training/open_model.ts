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
import { optionError, UserError } from "../errors.ts";
import { GPT, type ParameterSpec, parameterSpecs, type WeightType } from "../model/mod.ts";
import { pause } from "../pause.ts";
import { sizeOf } from "../shapes.ts";
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
  /** How its weights are kept, and how many of them were rounded to it. */
  weights: { dtype: WeightType; rounded: number };
}

/** Bytes of weights in float32 from which `bySize` keeps them in bfloat16. */
const LARGE = 2 ** 30;

/**
 * Loads a checkpoint's model onto a device.
 *
 * @param baseDir nanochat's base directory.
 * @param options Which checkpoint, see {@link findCheckpoint}; `softcap` of its logits, where its
 * files do not tell it; `training` adds gradients; `weights` in bfloat16 are for the CPU device,
 * which takes them `bySize` where those in float32 would fill more than 1 GiB, and are float32 unless
 * asked for; `signal` breaks the loading off.
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
    weights?: WeightType | "bySize";
    signal?: AbortSignal;
  },
): Promise<OpenedModel> {
  if (options.weights === "bfloat16" && device.kind !== "cpu") {
    throw optionError("weights", "float32 unless the device is the CPU", "bfloat16");
  }
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
  const specs = parameterSpecs(meta.modelConfig, parts);
  checkParameters(tensors, specs, files.model);
  const { training, weights: asked = "float32" } = options;
  const dtype = asked === "bySize" ? typeBySize(device, specs) : asked;
  const model = new GPT(device, meta.modelConfig, { parts, training, weights: dtype });
  await model.load(async (name, start, count) => {
    await pause(options.signal);
    return await tensors.get(name)!.readFloat32(start, count);
  });
  let rounded = 0;
  for (const { name, value } of model.parameters.values()) {
    const isRounded = value.dtype === "bfloat16" && tensors.get(name)!.dtype !== "bfloat16";
    if (isRounded) rounded += value.size;
  }
  return { model, tokenizer, meta, era, files, weights: { dtype, rounded } };
}

/** How weights are kept where a person did not say it. */
function typeBySize(device: Device, specs: readonly ParameterSpec[]): WeightType {
  const bytes = specs.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  return device.kind === "cpu" && bytes > LARGE ? "bfloat16" : "float32";
}
