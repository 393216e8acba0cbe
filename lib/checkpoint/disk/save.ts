import { join } from "@std/path";
import { formatJson } from "../../json.ts";
import type { ModelConfig } from "../../model_config.ts";
import type { ModelParts } from "../../model_parts.ts";
import type { TensorSource } from "../../tensor_source.ts";
import { namesOfStep, optimizersOfStep } from "../layout.ts";
import { toModelConfigJson } from "../meta.ts";
import { OrderedDict } from "../pickle_globals.ts";
import { checkpointDirectory, type CheckpointFiles, fileNames } from "./find.ts";
import { readMeta } from "./open.ts";
import type { RunIdentity } from "./runs.ts";
import {
  removeIfThere,
  reportWriteErrors,
  StagedFile,
  syncDirectory,
  temporaryPathOf,
  WriteError,
} from "./staged_file.ts";
import { writeTorchArchive } from "./torch_writer.ts";

/** What {@linkcode saveCheckpoint} and {@linkcode saveBaseCheckpoint} save. */
export interface CheckpointContents {
  /** Optimizer steps done. */
  step: number;
  /** The model's shape. */
  modelConfig: ModelConfig;
  /** What it computes; the newest's parts unless given. */
  parts?: ModelParts;
  /** Parameters by nanochat's names. */
  stateDict: ReadonlyMap<string, TensorSource>;
  /**
   * The optimizer's state in PyTorch's form: `{ state, param_groups }`; where several processes share
   * it, a list of theirs in the order of their ranks.
   */
  optimizer?: unknown;
  /** Which run it is of; it is told from those of others by it. */
  run?: RunIdentity;
  /** What else the meta file says, in nanochat's spelling: `val_bpb`, `user_config`, … */
  meta: Readonly<Record<string, unknown>>;
}

/**
 * Saves a fine-tuned model as `chatsft_checkpoints/{tag}/step_{N}_model.pt`, `_optimizer.pt` and
 * `_meta.json`, and links `model_{N}.pt`, `optim_{N}_rank0.pt` and `meta_{N}.json` to them, the
 * names under which nanochat's scripts find them (copies where the disk has no hard links). An
 * optimizer that N processes share has N files, `_optimizer_rank{r}.pt` and `optim_{N}_rank{r}.pt`.
 *
 * However it is interrupted, no half of a checkpoint and no mixture of two passes for a whole one:
 * everything is written under temporary names first, the old meta file and links go before the new
 * files come, and each scheme's deciding file comes last.
 *
 * Where the optimizer's state cannot be written (a full disk), the model is saved without it; where
 * the copies cannot, without them.
 *
 * @param baseDir nanochat's base directory.
 * @param tag The model's tag, for example `d12`.
 * @param contents What to save.
 * @param warn Told a line about what could not be saved along with the model.
 * @returns The files.
 * @throws {UserError} if the model or its meta file cannot be written; what was there stays then.
 */
export async function saveCheckpoint(
  baseDir: string,
  tag: string,
  contents: CheckpointContents,
  warn: (line: string) => void = () => {},
): Promise<CheckpointFiles> {
  const { step } = contents;
  const directory = checkpointDirectory(baseDir, "sft", tag);
  const isShared = sharesOf(contents).length > 1;
  const own: Paths = {
    model: join(directory, `step_${step}_model.pt`),
    optimizer: (rank) =>
      join(directory, `step_${step}_optimizer${isShared ? `_rank${rank}` : ""}.pt`),
    meta: join(directory, `step_${step}_meta.json`),
  };
  const nanochat = nanochatPaths(directory, step);
  await using staged = await stage(directory, own, contents, warn);

  for (const path of [nanochat.model, own.meta, nanochat.meta]) await removeIfThere(path);
  await removeOptimizers(directory, step);
  await staged.model.commit();
  for (const share of staged.shares) await share.commit();
  await staged.meta.commit();
  try {
    await linkOrCopy(own.meta, nanochat.meta);
    for (const rank of staged.shares.keys()) {
      await linkOrCopy(own.optimizer(rank), nanochat.optimizer(rank));
    }
    await linkOrCopy(own.model, nanochat.model);
  } catch (error) {
    if (!(error instanceof WriteError)) throw error;
    warn(`${error.message}; nanochat's scripts do not find this checkpoint`);
  }
  await syncDirectory(directory);
  return filesOf(directory, tag, step, own, staged);
}

/**
 * Saves a pretrained model as `base_checkpoints/{tag}/model_{N}.pt`, `optim_{N}_rank0.pt` and
 * `meta_{N}.json`, where nanochat's scripts and fine-tuning look for it, as whole as
 * {@linkcode saveCheckpoint} does; the model, without which the others are no checkpoint, comes last.
 *
 * @param baseDir nanochat's base directory.
 * @param tag The model's tag, for example `d12`.
 * @param contents What to save.
 * @param warn Told a line where the optimizer's state could not be saved along with the model.
 * @returns The files.
 * @throws {UserError} if the model or its meta file cannot be written; what was there stays then.
 */
export async function saveBaseCheckpoint(
  baseDir: string,
  tag: string,
  contents: CheckpointContents,
  warn: (line: string) => void = () => {},
): Promise<CheckpointFiles> {
  const directory = checkpointDirectory(baseDir, "base", tag);
  const paths = nanochatPaths(directory, contents.step);
  await using staged = await stage(directory, paths, contents, warn);
  for (const path of [paths.model, paths.meta]) await removeIfThere(path);
  await removeOptimizers(directory, contents.step);
  for (const share of staged.shares) await share.commit();
  await staged.meta.commit();
  await staged.model.commit();
  return filesOf(directory, tag, contents.step, paths, staged);
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
  if (link !== files.meta) await linkOrCopy(files.meta, link);
}

/**
 * Removes the checkpoint of a step, under all its names. However it is interrupted, what is left
 * does not pass for a whole one.
 *
 * @throws {UserError} if a file cannot be removed.
 */
export async function removeCheckpoint(directory: string, step: number): Promise<void> {
  const names = namesOfStep(await fileNames(directory), step);
  const link = nanochatPaths(directory, step).model;
  // The deciding files first: nanochat looks for models, this package for meta files.
  const order = (name: string) =>
    join(directory, name) === link ? 0 : name.endsWith(".json") ? 1 : 2;
  for (const name of names.sort((a, b) => order(a) - order(b))) {
    await removeIfThere(join(directory, name));
  }
  await syncDirectory(directory);
}

/** Removes all of a step's optimizer states: one that is written may be of fewer processes. */
async function removeOptimizers(directory: string, step: number): Promise<void> {
  for (const name of optimizersOfStep(await fileNames(directory), step)) {
    await removeIfThere(join(directory, name));
  }
}

/** The states of all processes that share a checkpoint's optimizer, in the order of their ranks. */
function sharesOf({ optimizer }: CheckpointContents): readonly unknown[] {
  if (Array.isArray(optimizer)) return optimizer;
  return optimizer === undefined ? [] : [optimizer];
}

/** The paths of a checkpoint's files. */
interface Paths {
  model: string;
  optimizer(rank: number): string;
  meta: string;
}

/** The names under which nanochat's scripts find the files of a step. */
function nanochatPaths(directory: string, step: number): Paths {
  const digits = String(step).padStart(6, "0");
  return {
    model: join(directory, `model_${digits}.pt`),
    optimizer: (rank) => join(directory, `optim_${digits}_rank${rank}.pt`),
    meta: join(directory, `meta_${digits}.json`),
  };
}

/** A checkpoint that is written, but not in its place yet. */
interface StagedCheckpoint extends AsyncDisposable {
  model: StagedFile;
  meta: StagedFile;
  /** All of the optimizer's state, or nothing. */
  shares: StagedFile[];
}

/** Writes everything under temporary names; what is hardest to do without comes first. */
async function stage(
  directory: string,
  paths: Paths,
  contents: CheckpointContents,
  warn: (line: string) => void,
): Promise<StagedCheckpoint> {
  const { step, modelConfig, parts, stateDict, run, meta } = contents;
  await reportWriteErrors(directory, () => Deno.mkdir(directory, { recursive: true }));
  await using files = new AsyncDisposableStack();
  const modelFile = files.use(await stageTorch(paths.model, new OrderedDict(stateDict)));
  // By which a copy of the folder is told from the original.
  const saved = await modelFile.modified();
  const model_config = toModelConfigJson(modelConfig, parts);
  const metaFile = files.use(
    await stageMeta(paths.meta, { step, model_config, ...meta, run, saved }),
  );
  const shares: StagedFile[] = [];
  try {
    // What is written of it goes again where the rest cannot be.
    await using some = new AsyncDisposableStack();
    for (const [rank, state] of sharesOf(contents).entries()) {
      shares.push(some.use(await stageTorch(paths.optimizer(rank), state)));
    }
    files.use(some.move());
  } catch (error) {
    if (!(error instanceof WriteError)) throw error;
    shares.length = 0;
    warn(
      `${error.message}; the model is saved without the optimizer's state, so that a run can ` +
        "go on from it with a fresh optimizer only",
    );
  }
  const staged = files.move();
  return {
    model: modelFile,
    meta: metaFile,
    shares,
    [Symbol.asyncDispose]: () => staged.disposeAsync(),
  };
}

function stageTorch(path: string, root: unknown): Promise<StagedFile> {
  return StagedFile.written(path, (file) => writeTorchArchive(file, root));
}

function filesOf(
  directory: string,
  tag: string,
  step: number,
  { model, meta, optimizer }: Paths,
  staged: StagedCheckpoint,
): CheckpointFiles {
  const optimizers = new Map(staged.shares.keys().map((rank) => [rank, optimizer(rank)]));
  return { directory, tag, step, model, meta, optimizers };
}

function stageMeta(path: string, json: Record<string, unknown>): Promise<StagedFile> {
  const bytes = new TextEncoder().encode(formatJson(json, 2) + "\n");
  return StagedFile.written(path, (file) => file.write(bytes));
}

/** Gives a file a second name, over one that was there; a copy appears only when it is whole. */
function linkOrCopy(path: string, newPath: string): Promise<void> {
  return reportWriteErrors(newPath, async () => {
    const temporaryPath = temporaryPathOf(newPath);
    try {
      await Deno.link(path, temporaryPath).catch(() => Deno.copyFile(path, temporaryPath));
      await Deno.rename(temporaryPath, newPath);
    } catch (error) {
      await Deno.remove(temporaryPath).catch(() => {});
      throw error;
    }
  });
}
