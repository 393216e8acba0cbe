/** The command `import`: take a model of another program into the base directory. */

import { UserError } from "../lib/errors.ts";
import { runImport } from "../lib/export/mod.ts";
import { commandOf } from "./command.ts";
import { flagOf } from "./flag.ts";
import { withSystemIo } from "./io.ts";
import { completeFlags } from "./options.ts";

/** The command. */
// Its type is cliffy's, which infers it.
export function importCommand() {
  return commandOf("import", {
    run: async (given) => {
      const { quiet, hf, ...options } = completeFlags("import", given);
      if (hf === undefined) throw new UserError(`give ${flagOf("hf")}, the folder to import`);
      await withSystemIo(quiet, (io) => runImport({ hf, ...options }, io));
    },
  });
}
