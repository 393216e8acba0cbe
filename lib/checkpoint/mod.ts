/**
 * Checkpoints: PyTorch's `.pt` files and safetensors, read and written, and the directories in
 * which nanochat keeps them.
 *
 * @module
 */

export * from "./pickle.ts";
export { attributesAsMap, OrderedDict, type PickleGlobal } from "./pickle_globals.ts";
