/**
 * The optimizer of a run, and the state it begins with.
 *
 * @module
 */
import { openTorchFile } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import {
  type LearningRates,
  loadOptimizerState,
  Optimizer,
  parameterGroups,
} from "../optim/mod.ts";
import type { Terminal } from "../tracking/mod.ts";
import type { OpenedModel } from "./open_model.ts";

/**
 * The optimizer of a run. Where `isWarm`, it takes over the moments and step counts that were saved
 * with the model; where they are missing or of another model, it says so and starts fresh.
 *
 * @throws {UserError} when the device cannot hold it, or its file is damaged.
 */
export async function openOptimizer(
  { model, files }: OpenedModel,
  rates: LearningRates,
  isWarm: boolean,
  terminal: Terminal,
): Promise<Optimizer> {
  const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
  const optimizer = new Optimizer(model.device, groups);
  if (!isWarm) return optimizer;

  const path = files.optimizers.get(0);
  if (path === undefined) {
    const where = `${files.directory} has no optimizer state of step ${files.step}`;
    terminal.warn(`${where}; starting fresh`);
    return optimizer;
  }
  using file = await openTorchFile(path);
  try {
    await loadOptimizerState(optimizer, file.root);
    terminal.info(
      `Optimizer state loaded from ${path} (moments and steps; learning rates are reset)`,
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const ranks = files.optimizers.size;
    const hint = ranks > 1 ? ` (it was saved in shares by ${ranks} processes)` : "";
    terminal.warn(`${path}: ${error.message}${hint}; starting the optimizer fresh`);
  }
  return optimizer;
}
