/**
 * The optimizer of a run, and the state it begins with.
 *
 * @module
 */
import { basename } from "@std/path";
import { type CheckpointFiles, openTorchFile } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import { backwardOrder, type GPT } from "../model/mod.ts";
import {
  type LearningRates,
  loadOptimizerShares,
  missingShares,
  Optimizer,
  type OptimizerShare,
  type ParameterGroup,
  parameterGroups,
  ShardedOptimizer,
  type ShardedOptions,
} from "../optim/mod.ts";
import { type Company, SINGLE, together } from "../ranks/mod.ts";
import type { Terminal } from "../tracking/mod.ts";
import type { OpenedModel } from "./open_model.ts";

/** How an optimizer is varied: Muon, and what ranks send each other. */
export type OptimizerVariant = Omit<ShardedOptions, "order">;

/** Which state an optimizer begins with, and how it is varied. */
export interface OptimizerStart extends OptimizerVariant {
  /** Whether it takes over what was saved with the model. */
  isWarm: boolean;
  /** Whether the run goes on with one that was saved, which is another run without its state. */
  isResumed: boolean;
}

/**
 * An optimizer with a fresh state: of several ranks, the one that they share.
 *
 * @throws {UserError} when a device cannot hold it, or ranks cannot share a parameter.
 */
export async function freshOptimizer(
  model: GPT,
  groups: readonly ParameterGroup[],
  variant: OptimizerVariant,
  io: Company,
): Promise<Optimizer | ShardedOptimizer> {
  const { device } = model, { ranks = SINGLE } = io;
  if (ranks.worldSize === 1) return new Optimizer(device, groups, variant.muon);
  const options = { ...variant, order: backwardOrder(model) };
  return await together(io, () => ShardedOptimizer.open(device, groups, ranks, options));
}

/**
 * The optimizer of a run. Where `isWarm`, it takes over the moments and step counts that were saved
 * with the model, whole or not at all, from one file or from the shares of several processes, however
 * many there are now: files that are damaged, of another model or not of one state are an error. What
 * a base model was saved without is said, and it starts fresh: all of its state, or all but the first
 * of several shares, as nanochat often saved it. All ranks do alike.
 *
 * @param io Where it is said what was done, who shares it, and what breaks it off.
 * @throws {UserError} when the device cannot hold it, or the state cannot be taken over.
 */
export function openOptimizer(
  opened: Pick<OpenedModel, "model" | "files">,
  rates: LearningRates,
  start: OptimizerStart,
  io: { terminal: Terminal; signal?: AbortSignal; ranks?: undefined },
): Promise<Optimizer>;
/** As the one for a process alone; of several ranks, the optimizer is the one that they share. */
export function openOptimizer(
  opened: Pick<OpenedModel, "model" | "files">,
  rates: LearningRates,
  start: OptimizerStart,
  io: { terminal: Terminal } & Company,
): Promise<Optimizer | ShardedOptimizer>;
export async function openOptimizer(
  { model, files }: Pick<OpenedModel, "model" | "files">,
  rates: LearningRates,
  { isWarm, isResumed, ...variant }: OptimizerStart,
  io: { terminal: Terminal } & Company,
): Promise<Optimizer | ShardedOptimizer> {
  const { terminal, signal, stop, ranks = SINGLE } = io;
  const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
  const optimizer = await freshOptimizer(model, groups, variant, io);
  if (!isWarm) return optimizer;
  const count = files.optimizers.size;
  try {
    using opened = new DisposableStack();
    const saved = await together(io, () => openShares(optimizer, files, opened));
    const lacking = typeof saved === "string" ? saved : undefined;
    if (await ranks.any(lacking !== undefined)) {
      const why = lacking ?? `another rank lacks optimizer state of step ${files.step}`;
      if (isResumed) throw unusable(why);
      terminal.warn(`${why}; starting fresh`);
      return optimizer;
    }
    const shares = saved as OptimizerShare[];
    const { hasSecondMomentum } = await loadOptimizerShares(optimizer, shares, signal, stop);
    const others = count === 1 ? "" : ` and the ${count - 1} other shares`;
    const without = hasSecondMomentum
      ? ""
      : "; Muon's second momentum, which it lacks, starts at zero";
    terminal.info(
      `Optimizer state loaded from ${shares[0].name}${others} (moments and steps; learning rates ` +
        `are reset${without})`,
    );
    return optimizer;
  } catch (error) {
    if (!(error instanceof UserError) || error.detail?.kind === "optimizerState") throw error;
    const hint = count > 1 ? ` (there are files saved by ${count} processes)` : "";
    throw unusable(error.message + hint);
  }
}

/**
 * Opens all shares of a state, the first process's first.
 *
 * @returns They, or why there are none to go on with.
 * @throws {UserError} when one is damaged, or some are missing.
 */
async function openShares(
  optimizer: Optimizer | ShardedOptimizer,
  files: CheckpointFiles,
  opened: DisposableStack,
): Promise<OptimizerShare[] | string> {
  const paths = [...files.optimizers].sort(([a], [b]) => a - b);
  if (paths.length === 0) {
    return `${files.directory} has no optimizer state of step ${files.step}`;
  }
  const shares: OptimizerShare[] = [];
  for (const [rank, name] of paths) {
    const { root: tree } = opened.use(await openTorchFile(name));
    shares.push({ rank, name, tree });
  }
  const { world, missing } = missingShares(optimizer, shares);
  if (missing.length === 0) return shares;
  const [[rank, path]] = paths;
  if (rank === 0 && paths.length === 1) return `${path} is the first of ${world} ${ALONE}`;
  const names = missing.map((rank) => nameOfShare(files, rank)).join(", ");
  throw new UserError(`${path}: missing of its ${world} shares: ${names}`);
}

/** Why a first share may be alone. */
const ALONE =
  "shares of an optimizer state, and alone: nanochat saved no others until November 2025, and when " +
  "fine-tuning until February 2026";

/** The name of a share that is not there, after those that are. */
function nameOfShare({ optimizers }: CheckpointFiles, rank: number): string {
  const [path] = optimizers.values();
  return basename(path).replace(/(?:_rank\d+)?(?=\.pt$)/, `_rank${rank}`);
}

function unusable(why: string): UserError {
  return new UserError(why, { detail: { kind: "optimizerState" } });
}
