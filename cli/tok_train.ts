/** The command `tok-train`: make a tokenizer from text files. */

import { runTokTrain } from "../lib/base/mod.ts";
import { commandOf } from "./command.ts";
import { withSystemIo } from "./io.ts";
import { completeFlags } from "./options.ts";

/**
 * The command.
 *
 * @param run What to do with the files and options.
 */
// Its type is cliffy's, which infers it.
export function tokTrainCommand(run: typeof runTokTrain = runTokTrain) {
  return commandOf("tok-train", {
    arguments: "<file:string> [...more:string]",
    run: async (given, files) => {
      const { quiet, ...options } = completeFlags("tok-train", given);
      await withSystemIo(quiet, async (io) => void await run(files, options, io));
    },
  });
}
