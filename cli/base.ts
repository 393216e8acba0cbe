/** The command `base`: pretrain a small model on text files. */

import { runBase } from "../lib/base/mod.ts";
import { commandOf } from "./command.ts";
import { whatIsLeft } from "./errors.ts";
import { baseOptions } from "./options.ts";
import { onRanks } from "./ranks/mod.ts";

/**
 * The command.
 *
 * @param run What to do with the files and options.
 */
// Its type is cliffy's, which infers it.
export function baseCommand(run: typeof runBase = runBase) {
  return commandOf("base", {
    arguments: "<file:string> [...more:string]",
    run: async ({ quiet, nproc, ...given }, files) => {
      const options = baseOptions(given);
      await onRanks({ nproc, quiet, threads: options.threads }, async (io, threads) => {
        const { step, tag, savedStep } = await run(files, { ...options, threads }, io);
        if (!io.signal.aborted) return;
        const saved = savedStep === undefined ? undefined : { tag, step: savedStep };
        io.terminal.print(`Stopped after step ${step}; ${whatIsLeft(saved, "base")}`);
      });
    },
  });
}
