/**
 * What becomes of a run when something fails.
 *
 * @module
 */
import type { CheckpointFiles } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import type { Pass } from "../model/mod.ts";
import { isStopped, SINGLE, together } from "../ranks/mod.ts";
import type { MeasurementIo } from "./io.ts";
import type { RunEnd } from "./run_progress.ts";

/**
 * Measures something of a run, on every rank. A measurement that fails is a warning: what is trained
 * is worth more. One that the signal breaks off is left out. Where it fails or is broken off on one
 * rank, so it is on all.
 *
 * @param what What is measured, for the warning.
 * @param measure What ranks do in it together must fail or be broken off on all of them.
 * @throws {UserError} when the device of one is lost: nothing can go on then.
 */
export async function attempt(
  what: string,
  io: MeasurementIo,
  measure: () => Promise<void>,
): Promise<void> {
  const { signal, terminal, ranks = SINGLE } = io;
  try {
    // None begins where another one does not.
    await together(io, () => signal.throwIfAborted());
    await together(io, measure);
  } catch (error) {
    if (isStopped(io, error)) return;
    if (await ranks.any(error instanceof UserError && isLost(error))) throw error;
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    terminal.warn(`${what} could not be measured, and the run goes on: ${reason}`);
  }
}

/** Whether the device is gone, and the model with it. */
function isLost({ detail }: UserError): boolean {
  return detail?.kind === "deviceLost" || detail?.kind === "threadLost";
}

/**
 * Whether a run's weights may be saved: they are finite, and so is the loss they give on every rank.
 * What a step at too high a rate leaves is finite but computes nothing, and would be gone on with.
 *
 * @param pass The model's pass, with a micro-batch to try the weights on.
 * @param end Why the run ends, if it does: of one that failed already this is a warning only.
 * @throws {UserError} when they are not.
 */
export async function areWorthSaving(
  pass: Pass,
  step: number,
  end: RunEnd | undefined,
  io: MeasurementIo,
): Promise<boolean> {
  const { terminal, ranks = SINGLE } = io;
  const isSound = await together(io, async () => {
    return await pass.model.isFinite() && Number.isFinite(await lossOf(pass));
  });
  if (!await ranks.any(!isSound)) return true;
  const message = `the weights after step ${step} do not give a finite loss, and were not saved; ` +
    "a lower learning rate may keep them in bounds";
  if (end !== "failed") throw new UserError(message);
  terminal.warn(message);
  return false;
}

/** The loss of the micro-batch that a pass holds. */
async function lossOf(pass: Pass): Promise<number> {
  const { device } = pass.model;
  const loss = device.allocate("loss of a trial", [1]);
  try {
    pass.evaluate(loss);
    return (await device.read(loss))[0];
  } finally {
    device.free(loss);
  }
}

/** The error that ended a run, with what is left of it. */
export function endedBy(cause: UserError, saved: CheckpointFiles | undefined): UserError {
  const detail = { kind: "runEnded", cause, saved } as const;
  return new UserError(cause.message, { cause, detail });
}
