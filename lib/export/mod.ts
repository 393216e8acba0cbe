/**
 * Models on their way to other programs and back: folders that Hugging Face's transformers loads,
 * files of safetensors, and base directories of nanochat.
 *
 * @module
 */
export type { ConvertOptions, WeightDType } from "./convert.ts";
export { type HfOptions, writeHfFolder } from "./export_hf.ts";
export { writeNanochatFolder, writeSafetensorsFile } from "./export_nanochat.ts";
export { importHf, type ImportOptions } from "./import_hf.ts";
export { type ExportOptions, runExport, runImport } from "./run.ts";
export { openStored, type StoredModel } from "./stored_model.ts";
