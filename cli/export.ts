/** The command `export`: write a checkpoint for another program. */

import { UserError } from "../lib/errors.ts";
import { runExport } from "../lib/export/mod.ts";
import { commandOf } from "./command.ts";
import { flagOf } from "./flag.ts";
import { withSystemIo } from "./io.ts";
import { completeFlags } from "./options.ts";

/** Where an export goes. */
const PLACES = ["hf", "safetensors", "nanochat"] as const;

/** The command. */
// Its type is cliffy's, which infers it.
export function exportCommand() {
  return commandOf("export", {
    run: async (given) => {
      const { quiet, ...options } = completeFlags("export", given);
      if (PLACES.filter((place) => options[place] !== undefined).length !== 1) {
        const flags = PLACES.map(flagOf);
        throw new UserError(`give one of ${flags.slice(0, -1).join(", ")} and ${flags.at(-1)}`);
      }
      await withSystemIo(quiet, (io) => runExport(options, io));
    },
  });
}
