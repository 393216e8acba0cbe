/** The command `pull`: fetch a model from the Hugging Face hub. */

import { checkImport, importHf } from "../lib/export/mod.ts";
import { runPull } from "../lib/pull/mod.ts";
import { commandOf } from "./command.ts";
import { withSystemIo } from "./io.ts";
import { completeFlags } from "./options.ts";

/** What is said of a pull that was stopped. */
const GO_ON = "Stopped; the same command goes on with what was fetched";

/**
 * The command.
 *
 * @param run What to do with the repository and options.
 */
// Its type is cliffy's, which infers it.
export function pullCommand(run: typeof runPull = runPull) {
  return commandOf("pull", {
    arguments: "<repository:string>",
    run: async (given, [repository]) => {
      const { quiet, ...options } = completeFlags("pull", given);
      await withSystemIo(quiet, async (io) => {
        try {
          await run(repository, options, { ...io, importModel: importHf, checkImport });
        } finally {
          if (io.signal.aborted) io.terminal.print(GO_ON);
        }
      });
    },
  });
}
