import { join } from "@std/path";
import { formatJson } from "../../json.ts";
import type { ModelConfig } from "../../model_config.ts";
import type { TensorSource } from "../../tensor_source.ts";
import { toModelConfigJson } from "../meta.ts";
import { OrderedDict } from "../pickle_globals.ts";
import { checkpointDirectory, type CheckpointFiles } from "./find.ts";
import { readMeta } from "./open.ts";
import { reportWriteErrors, StagedFile } from "./staged_file.ts";
import { writeTorchArchive, writeTorchFile } from "./torch_writer.ts";

/** What {@linkcode saveCheckpoint} and {@linkcode saveBaseCheckpoint} save. */
export interface CheckpointContents {
  /** Optimizer steps done. */
  step: number;
  /** The model's shape. */
  modelConfig: ModelConfig;
  /** Parameters by nanochat's names. */
  stateDict: ReadonlyMap<string, TensorSource>;
  /** The optimizer's state in PyTorch's form: `{ state, param_groups }`. */
  optimizer?: unknown;
  /** What else the meta file says, in nanochat's spelling: `val_bpb`, `user_config`, … */
  meta: Readonly<Record<string, unknown>>;
}

/**
 * Saves a fine-tuned model as `chatsft_checkpoints/{tag}/step_{N}_model.pt`, `_optimizer.pt` and
 * `_meta.json`, and links `model_{N}.pt`, `optim_{N}_rank0.pt` and `meta_{N}.json` to them, the
 * names under which nanochat's scripts find them (copies where the disk has no hard links).
 *
 * However it is interrupted, no half of a checkpoint and no mixture of two passes for a whole one:
 * everything is written under temporary names first, the old meta file and links go before the new
 * files come, and each scheme's deciding file comes last.
 *
 * @param baseDir nanochat's base directory.
 * @param tag The model's tag, for example `d12`.
 * @param contents What to save.
 * @returns The files.
 * @throws {UserError} if they cannot be written.
 */
export async function saveCheckpoint(
  baseDir: string,
  tag: string,
  contents: CheckpointContents,
): Promise<CheckpointFiles> {
  const { step, modelConfig, stateDict, optimizer, meta } = contents;
  const directory = checkpointDirectory(baseDir, "sft", tag);
  await reportWriteErrors(directory, () => Deno.mkdir(directory, { recursive: true }));
  const own = {
    model: join(directory, `step_${step}_model.pt`),
    optimizer: join(directory, `step_${step}_optimizer.pt`),
    meta: join(directory, `step_${step}_meta.json`),
  };
  const nanochat = nanochatPaths(directory, step);

  await using modelFile = await StagedFile.create(own.model);
  await writeTorchArchive(modelFile, new OrderedDict(stateDict));
  await modelFile.finish();
  await using optimizerFile = optimizer === undefined
    ? undefined
    : await StagedFile.create(own.optimizer);
  if (optimizerFile !== undefined && optimizer !== undefined) {
    await writeTorchArchive(optimizerFile, optimizer);
    await optimizerFile.finish();
  }
  const json = { step, model_config: toModelConfigJson(modelConfig), ...meta };
  await using metaFile = await stageMeta(own.meta, json);

  for (const path of [nanochat.model, own.meta, nanochat.meta, nanochat.optimizer]) {
    await removeIfThere(path);
  }
  if (optimizerFile === undefined) await removeIfThere(own.optimizer);
  await modelFile.commit();
  await optimizerFile?.commit();
  await metaFile.commit();
  await linkOrCopy(own.meta, nanochat.meta);
  if (optimizerFile !== undefined) await linkOrCopy(own.optimizer, nanochat.optimizer);
  await linkOrCopy(own.model, nanochat.model);
  const optimizers = new Map(optimizerFile === undefined ? [] : [[0, own.optimizer]]);
  return { directory, tag, step, model: own.model, meta: own.meta, optimizers };
}

/**
 * Saves a pretrained model as `base_checkpoints/{tag}/model_{N}.pt`, `optim_{N}_rank0.pt` and
 * `meta_{N}.json`, where nanochat's scripts and fine-tuning look for it. Each file appears whole,
 * and the meta file, without which the others are no checkpoint, last.
 *
 * @param baseDir nanochat's base directory.
 * @param tag The model's tag, for example `d12`.
 * @param contents What to save.
 * @returns The model's file.
 * @throws {UserError} if they cannot be written.
 */
export async function saveBaseCheckpoint(
  baseDir: string,
  tag: string,
  contents: CheckpointContents,
): Promise<string> {
  const { step, modelConfig, stateDict, optimizer, meta } = contents;
  const directory = checkpointDirectory(baseDir, "base", tag);
  await reportWriteErrors(directory, () => Deno.mkdir(directory, { recursive: true }));
  const paths = nanochatPaths(directory, step);
  // Those of an earlier run do not belong to the new files.
  await removeIfThere(paths.meta);
  await removeIfThere(paths.optimizer);
  if (optimizer !== undefined) await writeTorchFile(paths.optimizer, optimizer);
  await writeTorchFile(paths.model, new OrderedDict(stateDict));
  const json = { step, model_config: toModelConfigJson(modelConfig), ...meta };
  await using metaFile = await stageMeta(paths.meta, json);
  await metaFile.commit();
  return paths.model;
}

/**
 * Adds measurements to the meta file of a checkpoint that was saved before they were made.
 *
 * @param files What {@linkcode saveCheckpoint} gave.
 * @param additions Keys to set, in nanochat's spelling.
 * @throws {UserError} if the file cannot be written; the old one stays then.
 */
export async function addToMeta(
  files: CheckpointFiles,
  additions: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { raw } = await readMeta(files.meta);
  await using metaFile = await stageMeta(files.meta, { ...raw, ...additions });
  await metaFile.commit();
  const { meta: link } = nanochatPaths(files.directory, files.step);
  await removeIfThere(link);
  await linkOrCopy(files.meta, link);
}

/** The names under which nanochat's scripts find the files of a step. */
function nanochatPaths(directory: string, step: number) {
  const digits = String(step).padStart(6, "0");
  return {
    model: join(directory, `model_${digits}.pt`),
    optimizer: join(directory, `optim_${digits}_rank0.pt`),
    meta: join(directory, `meta_${digits}.json`),
  };
}

async function stageMeta(path: string, json: Record<string, unknown>): Promise<StagedFile> {
  const file = await StagedFile.create(path);
  await file.write(new TextEncoder().encode(formatJson(json, 2) + "\n"));
  await file.finish();
  return file;
}

function removeIfThere(path: string): Promise<void> {
  return reportWriteErrors(path, async () => {
    try {
      await Deno.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  });
}

/** Gives a file a second name; a copy appears under it only when it is whole. */
function linkOrCopy(path: string, newPath: string): Promise<void> {
  return reportWriteErrors(newPath, async () => {
    try {
      await Deno.link(path, newPath);
    } catch {
      const temporaryPath = `${newPath}.tmp`;
      await Deno.copyFile(path, temporaryPath);
      await Deno.rename(temporaryPath, newPath);
    }
  });
}
