/**
 * Checkpoints on a disk: files and folders that are opened by their paths, and files that are
 * written, each whole or not at all.
 *
 * @module
 */

export { FileSource } from "./file_source.ts";
export {
  checkpointDirectory,
  type CheckpointFiles,
  checkpointFiles,
  fileNames,
  findCheckpoint,
} from "./find.ts";
export { DiskFolder } from "./folder.ts";
export { openSafetensors, openTorchFile, readMeta } from "./open.ts";
export { type CheckpointSize, checkpointSize, freeBytes } from "./room.ts";
export { LOCK_FILE, RunLock } from "./run_lock.ts";
export {
  type BitsPerByte,
  type CheckpointRun,
  decidingBpb,
  type RunIdentity,
  runIdentity,
  runsIn,
} from "./runs.ts";
export { writeSafetensors } from "./safetensors_writer.ts";
export {
  addToMeta,
  type CheckpointContents,
  removeCheckpoint,
  saveBaseCheckpoint,
  saveCheckpoint,
} from "./save.ts";
export { StagedFile, sweepTemporaryFiles, WriteError } from "./staged_file.ts";
export { writeTorchFile } from "./torch_writer.ts";
