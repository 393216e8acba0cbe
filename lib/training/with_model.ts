/**
 * Opening a checkpoint for a command that uses it as it is.
 *
 * @module
 */
import type { CheckpointSource, Said } from "../checkpoint/mod.ts";
import type { Device, DeviceChoice, Hardware } from "../device/mod.ts";
import type { WeightType } from "../model/mod.ts";
import { together } from "../ranks/mod.ts";
import { whereModelsAre } from "./model_folders.ts";
import type { RunIo } from "./io.ts";
import { findModel, type OpenedModel } from "./open_model.ts";
import { planAnswers } from "./plan_memory.ts";
import { sayEra } from "./say_era.ts";
import { weightType } from "./weight_type.ts";
import { type DeviceIo, withDevice } from "./with_device.ts";

/** Which checkpoint is opened; each is the command line's flag of the same name. */
export interface ModelOptions extends Said {
  /** Which kind of model. */
  source: CheckpointSource;
  /** Its folder; the deepest model unless given. */
  modelTag?: string;
  /** Its step; the last unless given. */
  step?: number;
}

/** How a model that is used as it is lies in memory. */
export interface WeightOptions {
  /** Type of its weights; bfloat16 for large ones on the CPU device, unless given. */
  weights?: WeightType;
}

/** What of the world a model is opened with. */
export type ModelIo = DeviceIo & Pick<RunIo, "baseDir"> & Partial<Pick<RunIo, "advice">>;

/**
 * Opens a device and a checkpoint's model on it, says which, runs something with it, and closes
 * the device. Before the model is loaded, it is said what memory it needs; see {@link planAnswers}.
 *
 * @param texts How many it is to generate at a time, and how long.
 * @throws {UserError} when one of them cannot be opened.
 */
export async function withModel<T, Io extends ModelIo>(
  options: ModelOptions & WeightOptions & DeviceChoice,
  givenIo: Io,
  texts: { rows: number; capacity?: number; isGuess?: boolean },
  run: (opened: OpenedModel, io: Io) => Promise<T>,
): Promise<T> {
  const io = await whereModelsAre(givenIo);
  const { terminal, baseDir, signal } = io;
  const which = { ...options, tag: options.modelTag };
  const found = await together(io, () => findModel(baseDir, which));
  const typeOn = (device: Device) => weightType(device, found.shape, options.weights);
  const start = async (device: Hardware) => {
    const load = () => found.load(device, { weights: typeOn(device), signal });
    const opened = await together(io, load);
    terminal.info(`Checkpoint: ${opened.files.model}`);
    sayEra(opened.era, io);
    if (typeOn(device) === "bfloat16") sayRounded(opened, terminal);
    return await run(opened, io);
  };
  const needs = async (device: Hardware) => {
    const shape = { ...found.shape, weights: typeOn(device) };
    return `; ${await planAnswers(device, shape, texts)}`;
  };
  return await withDevice(options, io, start, needs);
}

/** Says that weights are kept in bfloat16, and whether they lost something by it. */
function sayRounded({ rounded, model }: OpenedModel, terminal: RunIo["terminal"]): void {
  const percent = Math.ceil(100 * rounded / model.counts.total);
  const lost = percent === 0 ? "as they are stored" : `${percent} % of them rounded from float32`;
  terminal.info(`Weights: bfloat16, ${lost}`);
}
