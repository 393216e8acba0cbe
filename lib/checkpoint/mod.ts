/**
 * Checkpoints, read wherever their bytes lie: PyTorch's `.pt` files, safetensors, and how nanochat
 * names and describes them. Works in a browser; what reads and writes a disk is
 * `@nanochat/sft/checkpoint/disk`.
 *
 * @module
 */

export type { ModelConfig } from "../model_config.ts";
export type { ModelParts } from "../model_parts.ts";
export {
  type StoredDType,
  type TensorArray,
  tensorFromArray,
  type TensorSource,
} from "../tensor_source.ts";
export { BlobSource } from "./blob_source.ts";
export { type ByteSource, MemorySource, readAll } from "./byte_source.ts";
export { bfloat16ToFloat32, float32ToBfloat16 } from "../bfloat16.ts";
export { bytesPerElement, float16ToFloat32, float32ToFloat16 } from "./dtype.ts";
export {
  describeEra,
  type Era,
  findEra,
  type Guess,
  isNewest,
  type Known,
  openParts,
  type Said,
  type Shapes,
} from "./era.ts";
export type { Folder, WritableFolder } from "./folder.ts";
export { HttpSource } from "./http_source.ts";
export {
  CHECKPOINT_FOLDERS,
  CHECKPOINT_SOURCES,
  checkpointFolders,
  type CheckpointSource,
  completeSteps,
  defaultTag,
  filesOfStep,
  isModelTag,
  type StepFiles,
} from "./layout.ts";
export { type CheckpointMeta, parseMeta, toModelConfigJson } from "./meta.ts";
export { unpickle, type UnpickleOptions } from "./pickle.ts";
export { attributesAsMap, OrderedDict, type PickleGlobal } from "./pickle_globals.ts";
export { SafetensorsFile } from "./safetensors.ts";
export { checkParameters, readStateDict, type StateDict } from "./state_dict.ts";
export { StoredTensor, type TensorPlace } from "./stored_tensor.ts";
export { TorchFile } from "./torch_file.ts";
