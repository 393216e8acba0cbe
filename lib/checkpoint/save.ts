import { join } from "@std/path";
import { checkpointDirectory, type CheckpointFiles } from "./layout.ts";
import { type ModelConfig, toModelConfigJson } from "./meta.ts";
import { OrderedDict } from "./pickle_globals.ts";
import { reportWriteErrors, StagedFile } from "./staged_file.ts";
import type { TensorSource } from "./tensor_source.ts";
import { writeTorchArchive } from "./torch_writer.ts";

/** What `saveCheckpoint` saves. */
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
  const digits = String(step).padStart(6, "0");
  const nanochat = {
    model: join(directory, `model_${digits}.pt`),
    optimizer: join(directory, `optim_${digits}_rank0.pt`),
    meta: join(directory, `meta_${digits}.json`),
  };

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
  await using metaFile = await StagedFile.create(own.meta);
  const json = { step, model_config: toModelConfigJson(modelConfig), ...meta };
  await metaFile.write(new TextEncoder().encode(JSON.stringify(json, null, 2) + "\n"));
  await metaFile.finish();

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
