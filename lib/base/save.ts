/**
 * Saving a pretrained model where nanochat's scripts and `sft` look for it.
 *
 * @module
 */
import { join } from "@std/path";
import { checkpointDirectory, OrderedDict, StagedFile, writeTorchFile } from "../checkpoint/mod.ts";
import { toModelConfigJson } from "../checkpoint/meta.ts";
import type { GPT } from "../model/mod.ts";
import type { OptimizerState } from "../optim/mod.ts";

/** What a checkpoint is made of. */
export interface BaseContents {
  /** Optimizer steps done. */
  step: number;
  /** The model. */
  model: GPT;
  /** Element type of the parameters in the file. */
  dtype: "float32" | "bfloat16";
  /** The optimizer's state. */
  optimizer: OptimizerState;
  /** What else the meta file says, in nanochat's spelling. */
  meta: Record<string, unknown>;
}

/**
 * Saves a model as `base_checkpoints/{tag}/model_{step}.pt`, `optim_{step}_rank0.pt` and
 * `meta_{step}.json`. Each file appears whole, and the meta file, without which the others are no
 * checkpoint, last.
 *
 * @returns The model's file.
 * @throws {UserError} if they cannot be written.
 */
export async function saveBase(
  baseDir: string,
  tag: string,
  contents: BaseContents,
): Promise<string> {
  const { step, model, dtype, optimizer, meta } = contents;
  const directory = checkpointDirectory(baseDir, "base", tag);
  await Deno.mkdir(directory, { recursive: true });
  const digits = String(step).padStart(6, "0");
  const path = join(directory, `model_${digits}.pt`);
  const metaPath = join(directory, `meta_${digits}.json`);

  await Deno.remove(metaPath).catch(() => {}); // of an earlier run: not of the new files
  await writeTorchFile(join(directory, `optim_${digits}_rank0.pt`), optimizer);
  await writeTorchFile(path, new OrderedDict(model.stateDict(dtype)));
  await using file = await StagedFile.create(metaPath);
  const json = { step, model_config: toModelConfigJson(model.config), ...meta };
  await file.write(new TextEncoder().encode(JSON.stringify(json, null, 2) + "\n"));
  await file.commit();
  return path;
}
