/**
 * Checkpoints: PyTorch's `.pt` files and safetensors, read and written, and the directories in
 * which nanochat keeps them.
 *
 * @module
 */

export type { ModelConfig } from "../model_config.ts";
export {
  bfloat16ToFloat32,
  bytesPerElement,
  type DType,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  type TensorArray,
} from "./dtype.ts";
export {
  checkpointDirectory,
  type CheckpointFiles,
  type CheckpointSource,
  findCheckpoint,
  isModelTag,
} from "./layout.ts";
export { type CheckpointMeta, readMeta } from "./meta.ts";
export { unpickle, type UnpickleOptions } from "./pickle.ts";
export { attributesAsMap, OrderedDict, type PickleGlobal } from "./pickle_globals.ts";
export { SafetensorsFile, writeSafetensors } from "./safetensors.ts";
export { addToMeta, type CheckpointContents, saveBaseCheckpoint, saveCheckpoint } from "./save.ts";
export { StagedFile } from "./staged_file.ts";
export { readStateDict, type StateDict } from "./state_dict.ts";
export { StoredTensor } from "./stored_tensor.ts";
export type { TensorSource } from "./tensor_source.ts";
export { TorchFile } from "./torch_file.ts";
export { writeTorchFile } from "./torch_writer.ts";
