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

/** Which state an optimizer begins with. */
export interface OptimizerStart {
  /** Whether it takes over what was saved with the model. */
  isWarm: boolean;
  /** Whether the run goes on with one that was saved, which is another run without its state. */
  isResumed: boolean;
}

/**
 * The optimizer of a run. Where `isWarm`, it takes over the moments and step counts that were saved
 * with the model, whole or not at all: a file that is damaged or of another model is an error. A
 * base model without such a file is said, and starts fresh.
 *
 * @param io Where it is said what was done, and what breaks it off.
 * @throws {UserError} when the device cannot hold it, or the state cannot be taken over.
 */
export async function openOptimizer(
  { model, files }: Pick<OpenedModel, "model" | "files">,
  rates: LearningRates,
  { isWarm, isResumed }: OptimizerStart,
  { terminal, signal }: { terminal: Terminal; signal?: AbortSignal },
): Promise<Optimizer> {
  const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
  const optimizer = new Optimizer(model.device, groups);
  if (!isWarm) return optimizer;

  const path = files.optimizers.get(0);
  if (path === undefined) {
    const where = `${files.directory} has no optimizer state of step ${files.step}`;
    if (isResumed) throw unusable(where);
    terminal.warn(`${where}; starting fresh`);
    return optimizer;
  }
  try {
    using file = await openTorchFile(path);
    await loadOptimizerState(optimizer, file.root, signal);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const ranks = files.optimizers.size;
    const hint = ranks > 1 ? ` (it was saved in shares by ${ranks} processes)` : "";
    const { message } = error;
    throw unusable((message.startsWith(path) ? message : `${path}: ${message}`) + hint);
  }
  terminal.info(
    `Optimizer state loaded from ${path} (moments and steps; learning rates are reset)`,
  );
  return optimizer;
}

function unusable(why: string): UserError {
  return new UserError(why, { detail: { kind: "optimizerState" } });
}
