/**
 * The commands that carry models to other programs and back.
 */
import type { RunIo } from "../training/mod.ts";
import { type ModelOptions, sayEra, whereModelsAre } from "../training/mod.ts";
import type { WeightDType } from "./convert.ts";
import { writeHfFolder } from "./export_hf.ts";
import { writeNanochatFolder, writeSafetensorsFile } from "./export_nanochat.ts";
import { importHf, type ImportOptions } from "./import_hf.ts";
import { withProgress } from "./progress.ts";
import { openStored } from "./stored_model.ts";

/** What is exported, and as what; one of the three places is named. */
export interface ExportOptions extends ModelOptions {
  /** A folder for transformers. */
  hf?: string;
  /** A file of safetensors. */
  safetensors?: string;
  /** A base directory for nanochat. */
  nanochat?: string;
  /** Type of the weights; that of the file for each unless given. */
  dtype?: WeightDType;
}

/**
 * Writes a checkpoint for another program.
 *
 * @throws {UserError} when the checkpoint cannot be opened, or the place is taken or full.
 */
export async function runExport(options: ExportOptions, givenIo: RunIo): Promise<void> {
  const io = await whereModelsAre(givenIo);
  const { baseDir, terminal, signal } = io;
  using model = await openStored(options, baseDir);
  terminal.info(`Checkpoint: ${model.files.model}`);
  sayEra(model.era, io);
  const { hf, safetensors, nanochat, dtype } = options;
  await withProgress("Exporting", model.tensors, terminal, async (onRead) => {
    const how = { dtype, onRead, signal };
    if (hf !== undefined) await writeHfFolder(model, hf, how);
    if (safetensors !== undefined) await writeSafetensorsFile(model, safetensors, how);
    if (nanochat !== undefined) await writeNanochatFolder(model, nanochat, how);
  });
  terminal.print(`Exported to ${hf ?? safetensors ?? nanochat}`);
}

/**
 * Takes a folder of transformers into the base directory, see {@linkcode importHf}.
 *
 * @throws {UserError} as that.
 */
export async function runImport(options: ImportOptions, io: RunIo): Promise<void> {
  const { model } = await importHf(options, io);
  io.terminal.print(`Imported as ${model}`);
}
