/**
 * Opening a checkpoint for a command that uses it as it is.
 *
 * @module
 */
import type { CheckpointSource } from "../checkpoint/mod.ts";
import type { DeviceChoice } from "../device/mod.ts";
import { whereModelsAre } from "./model_folders.ts";
import type { RunIo } from "./io.ts";
import { sayEra } from "./say_era.ts";
import { type OpenedModel, openModel } from "./open_model.ts";
import { withDevice } from "./with_device.ts";

/** Which checkpoint is opened; each is the command line's flag of the same name. */
export interface ModelOptions {
  /** Which kind of model. */
  source: CheckpointSource;
  /** Its folder; the deepest model unless given. */
  modelTag?: string;
  /** Its step; the last unless given. */
  step?: number;
  /** The cap of its logits, where its files do not tell it. */
  softcap?: number;
}

/** What of the world a model is opened with. */
export type ModelIo =
  & Pick<RunIo, "terminal" | "baseDir" | "now">
  & Partial<Pick<RunIo, "signal" | "advice">>;

/**
 * Opens a device and a checkpoint's model on it, says which, runs something with it, and closes
 * the device.
 *
 * @throws {UserError} when one of them cannot be opened.
 */
export async function withModel<T, Io extends ModelIo>(
  options: ModelOptions & DeviceChoice,
  givenIo: Io,
  run: (opened: OpenedModel, io: Io) => Promise<T>,
): Promise<T> {
  const io = await whereModelsAre(givenIo);
  const { terminal, baseDir, signal } = io;
  return await withDevice(options, io, async (device) => {
    const { source, modelTag: tag, step, softcap } = options;
    const opened = await openModel(device, baseDir, { source, tag, step, softcap, signal });
    terminal.info(`Checkpoint: ${opened.files.model}`);
    sayEra(opened, io);
    return await run(opened, io);
  });
}
