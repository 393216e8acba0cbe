/**
 * Saying which of nanochat's architectures a model is of.
 *
 * @module
 */
import { describeEra, type Era, isNewest } from "../checkpoint/mod.ts";
import type { RunIo } from "./io.ts";

/**
 * Says it in one line, if there is anything to say: not of the newest. Where the cap of its logits
 * had to be guessed, which decides what a model answers, that is said even when quiet.
 */
export function sayEra(
  era: Era,
  { terminal, advice }: Pick<RunIo, "terminal"> & Partial<Pick<RunIo, "advice">>,
): void {
  if (isNewest(era) && era.guessed.length === 0) return;
  const line = describeEra(era, advice);
  if (era.guessed.includes("softcap")) terminal.warn(line);
  else terminal.info(line);
}
