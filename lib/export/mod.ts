/**
 * Models on their way to other programs and back: folders that Hugging Face's transformers loads,
 * files of safetensors, and base directories of nanochat.
 *
 * @example A model to transformers and back
 * ```ts
 * import { saveBaseCheckpoint } from "@nanochat/sft/checkpoint/disk";
 * import { tensorFromArray } from "@nanochat/sft/checkpoint";
 * import { DiskFolder } from "@nanochat/sft/checkpoint/disk";
 * import { importHf, openStored, writeHfFolder } from "@nanochat/sft/export";
 * import { parameterSpecs } from "@nanochat/sft/model";
 * import { trainTokenizer } from "@nanochat/sft/tokenizer";
 * import { Terminal } from "@nanochat/sft/tracking";
 * import { assertEquals } from "@std/assert";
 *
 * const dir = await Deno.makeTempDir();
 * const tokenizer = await trainTokenizer(["the cat sat on the mat"], { vocabSize: 270 });
 * await tokenizer.save(new DiskFolder(`${dir}/tokenizer`));
 * const modelConfig = { sequenceLen: 64, vocabSize: tokenizer.vocabSize, nLayer: 1, nHead: 1,
 *   nKvHead: 1, nEmbd: 32, windowPattern: "L" };
 * const stateDict = new Map(
 *   parameterSpecs(modelConfig, { smear: true, backout: true }).map(({ name, shape }) => {
 *     const values = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.1);
 *     return [name, tensorFromArray("float32", shape, values)];
 *   }),
 * );
 * await saveBaseCheckpoint(dir, "d1", { step: 1, modelConfig, stateDict, meta: {} });
 *
 * {
 *   using model = await openStored({ source: "base" }, dir);
 *   await writeHfFolder(model, `${dir}/hf`);
 * }
 * const terminal = new Terminal({ stdout: () => {}, stderr: () => {}, isTerminal: false,
 *   columns: () => 80, colors: false, quiet: true, now: () => 0 });
 * const signal = new AbortController().signal;
 * const io = { baseDir: `${dir}/other`, terminal, signal };
 * assertEquals((await importHf({ hf: `${dir}/hf` }, io)).tag, "d1");
 * ```
 *
 * @module
 */
export type { ConvertOptions, WeightDType } from "./convert.ts";
export { type HfOptions, writeHfFolder } from "./export_hf.ts";
export { writeNanochatFolder, writeSafetensorsFile } from "./export_nanochat.ts";
export { checkImport, importHf, type ImportOptions } from "./import_hf.ts";
export { type ExportOptions, runExport, runImport } from "./run.ts";
export { openStored, type StoredModel } from "./stored_model.ts";
