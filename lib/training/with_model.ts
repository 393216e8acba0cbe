/**
 * Opening a checkpoint for a command that uses it as it is.
 *
 * @module
 */
import type { CheckpointSource, Said } from "../checkpoint/mod.ts";
import type { DeviceChoice, Hardware } from "../device/mod.ts";
import type { WeightType } from "../model/mod.ts";
import { together } from "../ranks/mod.ts";
import { type ComputeOptions, computeType, weightType } from "./compute_type.ts";
import { whereModelsAre } from "./model_folders.ts";
import type { RunIo } from "./io.ts";
import type { ModelShape } from "./count_answers.ts";
import { findModel, type OpenedModel } from "./open_model.ts";
import { planAnswers, type PlannedTexts } from "./plan_memory.ts";
import { sayEra } from "./say_era.ts";
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

/** How a model that is used as it is computes and lies in memory. */
export interface WeightOptions extends ComputeOptions {
  /**
   * Type of its weights; on a GPU the type that it computes in, and on the CPU device bfloat16 for large
   * ones, unless given.
   */
  weights?: WeightType;
}

/** What of the world a model is opened with. */
export type ModelIo = DeviceIo & Pick<RunIo, "baseDir"> & Partial<Pick<RunIo, "advice">>;

/**
 * Opens a device and a checkpoint's model on it, says which, runs something with it, and closes
 * the device. Before the model is loaded, it is said what memory it needs; see {@link planAnswers}.
 *
 * @param texts How many it is to generate at a time, and how long; or what says so of a model's shape.
 * @throws {UserError} when one of them cannot be opened.
 */
export async function withModel<T, Io extends ModelIo>(
  options: ModelOptions & WeightOptions & DeviceChoice,
  givenIo: Io,
  texts: PlannedTexts | ((shape: ModelShape) => PlannedTexts),
  run: (opened: OpenedModel, io: Io) => Promise<T>,
): Promise<T> {
  const io = await whereModelsAre(givenIo);
  const { terminal, baseDir, signal } = io;
  const which = { ...options, tag: options.modelTag };
  const found = await together(io, () => findModel(baseDir, which));
  const typesOn = (device: Hardware) => {
    const dtype = computeType(device, found.shape, options.dtype);
    return { dtype, weights: weightType(device, { ...found.shape, dtype }, options.weights) };
  };
  const start = async (device: Hardware) => {
    const types = typesOn(device);
    const opened = await together(io, () => found.load(device, { ...types, signal }));
    terminal.info(`Checkpoint: ${opened.files.model}`);
    sayEra(opened.era, io);
    if (types.weights !== "float32") sayRounded(opened, types.weights, terminal);
    return await run(opened, io);
  };
  const needs = async (device: Hardware) => {
    const shape = { ...found.shape, ...typesOn(device) };
    const planned = typeof texts === "function" ? texts(shape) : texts;
    return `; computes in ${shape.dtype}; ${await planAnswers(device, shape, planned)}`;
  };
  return await withDevice(options, givenIo, start, needs);
}

/** Says that weights are kept in 16 bits, and whether they lost something by it. */
function sayRounded(
  { rounded, model }: OpenedModel,
  weights: WeightType,
  terminal: RunIo["terminal"],
): void {
  const percent = Math.ceil(100 * rounded / model.counts.total);
  const lost = percent === 0 ? "as they are stored" : `${percent} % of them rounded from float32`;
  terminal.info(`Weights: ${weights}, ${lost}`);
}
