/**
 * A checkpoint's files and its tokenizer, opened and compared with each other.
 *
 * @module
 */
import { join } from "@std/path";
import {
  type CheckpointFiles,
  DiskFolder,
  openTorchFile,
  readMeta,
} from "../checkpoint/disk/mod.ts";
import {
  checkParameters,
  type CheckpointMeta,
  type Era,
  readStateDict,
  type Said,
  type StoredTensor,
} from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { parameterSpecs } from "../model/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";

/** A checkpoint with all parameters of its architecture, of which none is read yet. */
export interface OpenedCheckpoint extends Disposable {
  /** What its meta file says. */
  meta: CheckpointMeta;
  /** Which of nanochat's architectures it is of. */
  era: Era;
  /** Its parameters by nanochat's names, readable until it is disposed of. */
  tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * Opens a checkpoint; disposing of it closes its file.
 *
 * @param said What a person says of it.
 * @throws {UserError} when it is damaged, or what is said is not what it is.
 */
export async function openCheckpoint(
  files: CheckpointFiles,
  { softcap, windowPattern }: Said,
): Promise<OpenedCheckpoint> {
  const meta = await readMeta(files.meta);
  using opened = new DisposableStack();
  const file = opened.use(await openTorchFile(files.model));
  const known = { meta: meta.raw, softcap, windowPattern };
  const { tensors, era } = readStateDict(file, meta.modelConfig, known);
  checkParameters(tensors, parameterSpecs(era.config, era.parts), files.model);
  const kept = opened.move();
  return { meta, era, tensors, [Symbol.dispose]: () => kept.dispose() };
}

/**
 * Loads the tokenizer of a base directory for a checkpoint there. This comes before
 * {@linkcode openCheckpoint}: a wrong vocabulary makes wrong shapes too, and of those a person would
 * not learn what to do.
 *
 * @throws {UserError} when there is none, or the model was trained with another.
 */
export async function openTokenizer(
  baseDir: string,
  { model, meta }: CheckpointFiles,
): Promise<Tokenizer> {
  const { modelConfig: { vocabSize } } = await readMeta(meta);
  const directory = join(baseDir, "tokenizer");
  const tokenizer = await Tokenizer.load(new DiskFolder(directory));
  if (tokenizer.vocabSize === vocabSize) return tokenizer;
  throw new UserError(
    `${model} was trained with ${vocabSize} tokens, but the tokenizer in ${directory} ` +
      `has ${tokenizer.vocabSize}; use the tokenizer that the model was trained with`,
  );
}
