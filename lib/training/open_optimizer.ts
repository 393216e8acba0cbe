/**
 * The optimizer of a run, and the state it begins with.
 *
 * @module
 */
import { basename } from "@std/path";
import { type CheckpointFiles, openTorchFile } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import {
  type LearningRates,
  loadOptimizerShares,
  missingShares,
  type MuonOptions,
  Optimizer,
  type OptimizerShare,
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
  /** How Muon is varied. */
  muon?: MuonOptions;
}

/**
 * The optimizer of a run. Where `isWarm`, it takes over the moments and step counts that were saved
 * with the model, whole or not at all, from one file or from the shares of several processes: files
 * that are damaged, of another model or not of one state are an error. What a base model was saved
 * without is said, and it starts fresh: all of its state, or all but the first of several shares, as
 * nanochat often saved it.
 *
 * @param io Where it is said what was done, and what breaks it off.
 * @throws {UserError} when the device cannot hold it, or the state cannot be taken over.
 */
export async function openOptimizer(
  { model, files }: Pick<OpenedModel, "model" | "files">,
  rates: LearningRates,
  { isWarm, isResumed, muon }: OptimizerStart,
  { terminal, signal }: { terminal: Terminal; signal?: AbortSignal },
): Promise<Optimizer> {
  const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
  const optimizer = new Optimizer(model.device, groups, muon);
  if (!isWarm) return optimizer;

  const fresh = (why: string) => {
    if (isResumed) throw unusable(why);
    terminal.warn(`${why}; starting fresh`);
    return optimizer;
  };
  const paths = [...files.optimizers].sort(([a], [b]) => a - b);
  if (paths.length === 0) {
    return fresh(`${files.directory} has no optimizer state of step ${files.step}`);
  }
  try {
    using opened = new DisposableStack();
    const shares: OptimizerShare[] = [];
    for (const [rank, name] of paths) {
      const { root: tree } = opened.use(await openTorchFile(name));
      shares.push({ rank, name, tree });
    }
    const { world, missing } = missingShares(optimizer, shares);
    if (missing.length > 0) {
      const [[rank, path]] = paths;
      if (rank === 0 && paths.length === 1) {
        return fresh(`${path} is the first of ${world} ${ALONE}`);
      }
      const names = missing.map((rank) => nameOfShare(files, rank)).join(", ");
      throw new UserError(`${path}: missing of its ${world} shares: ${names}`);
    }
    const { hasSecondMomentum } = await loadOptimizerShares(optimizer, shares, signal);
    const [[, path]] = paths;
    const others = world === 1 ? "" : ` and the ${world - 1} other shares`;
    const lacking = hasSecondMomentum
      ? ""
      : "; Muon's second momentum, which it lacks, starts at zero";
    terminal.info(
      `Optimizer state loaded from ${path}${others} (moments and steps; learning rates are reset` +
        `${lacking})`,
    );
    return optimizer;
  } catch (error) {
    if (!(error instanceof UserError) || error.detail?.kind === "optimizerState") throw error;
    const hint = paths.length > 1 ? ` (there are files saved by ${paths.length} processes)` : "";
    throw unusable(error.message + hint);
  }
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
