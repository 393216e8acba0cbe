/**
 * Opening a checkpoint for a command that uses it as it is.
 *
 * @module
 */
import type { CheckpointSource } from "../checkpoint/mod.ts";
import type { DeviceChoice } from "../device/mod.ts";
import type { WeightType } from "../model/mod.ts";
import { whereModelsAre } from "./model_folders.ts";
import type { RunIo } from "./io.ts";
import { sayEra } from "./say_era.ts";
import { type OpenedModel, openModel } from "./open_model.ts";
import { withDevice } from "./with_device.ts";

/** Which checkpoint is opened; each is the command line's flag of the same name. */
export interface ModelOptions {
  /** Whether a fine-tuned or a base one. */
  source: CheckpointSource;
  /** Its folder; the deepest model unless given. */
  modelTag?: string;
  /** Its step; the last unless given. */
  step?: number;
  /** The cap of its logits, where its files do not tell it. */
  softcap?: number;
}

/** How a model that is used as it is lies in memory. */
export interface WeightOptions {
  /** Type of its weights; bfloat16 for large ones on the CPU device, unless given. */
  weights?: WeightType;
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
  options: ModelOptions & WeightOptions & DeviceChoice,
  givenIo: Io,
  run: (opened: OpenedModel, io: Io) => Promise<T>,
): Promise<T> {
  const io = await whereModelsAre(givenIo);
  const { terminal, baseDir, signal } = io;
  return await withDevice(options, io, async (device) => {
    const { source, modelTag: tag, step, softcap, weights = "bySize" } = options;
    const opened = await openModel(device, baseDir, {
      source,
      tag,
      step,
      softcap,
      weights,
      signal,
    });
    terminal.info(`Checkpoint: ${opened.files.model}`);
    sayEra(opened, io);
    sayWeights(opened, terminal);
    return await run(opened, io);
  });
}

/** Says that weights are kept in bfloat16, and whether they lost something by it. */
function sayWeights({ weights, model }: OpenedModel, terminal: RunIo["terminal"]): void {
  if (weights.dtype === "float32") return;
  const percent = Math.ceil(100 * weights.rounded / model.counts.total);
  const lost = percent === 0 ? "as they are stored" : `${percent} % of them rounded from float32`;
  terminal.info(`Weights: bfloat16, ${lost}`);
}
