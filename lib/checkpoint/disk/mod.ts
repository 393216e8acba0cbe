/**
 * Checkpoints on a disk: files and folders that are opened by their paths, and files that are
 * written, each whole or not at all.
 *
 * @module
 */

export { FileSource } from "./file_source.ts";
export { checkpointDirectory, type CheckpointFiles, findCheckpoint } from "./find.ts";
export { DiskFolder } from "./folder.ts";
export { openSafetensors, openTorchFile, readMeta } from "./open.ts";
export { writeSafetensors } from "./safetensors_writer.ts";
export { addToMeta, type CheckpointContents, saveBaseCheckpoint, saveCheckpoint } from "./save.ts";
export { StagedFile } from "./staged_file.ts";
export { writeTorchFile } from "./torch_writer.ts";
