/** The command `eval`: measure a checkpoint on the tasks of ChatCORE. */

import { runEval } from "../lib/training/mod.ts";
import { commandOf } from "./command.ts";
import { withSystemIo } from "./io.ts";
import { evalOptions } from "./options.ts";

/**
 * The command with nanochat's flags.
 *
 * @param run What to do with the options.
 */
// Its type is cliffy's, which infers it.
export function evalCommand(run: typeof runEval = runEval) {
  return commandOf("eval", {
    run: async ({ quiet, ...given }) => {
      const options = evalOptions(given);
      await withSystemIo(quiet || options.json, async (io) => void await run(options, io));
    },
  });
}
