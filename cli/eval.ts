/** The command `eval`: measure a checkpoint on the tasks of ChatCORE. */

import { runEval } from "../lib/training/mod.ts";
import { commandOf } from "./command.ts";
import { evalOptions } from "./options.ts";
import { onRanks } from "./ranks/mod.ts";

/**
 * The command with nanochat's flags.
 *
 * @param run What to do with the options.
 */
// Its type is cliffy's, which infers it.
export function evalCommand(run: typeof runEval = runEval) {
  return commandOf("eval", {
    run: async ({ quiet, nproc, ...given }) => {
      const options = evalOptions(given);
      await onRanks(
        { nproc, quiet: quiet || options.json, threads: options.threads },
        async (io, threads) => void await run({ ...options, threads }, io),
      );
    },
  });
}
