/**
 * The command `inspect`: look at a checkpoint, a conversation's tokens, own conversations, how
 * a mixture packs, or the recipes.
 */

import {
  inspectCheckpoint,
  inspectConversation,
  inspectData,
  inspectPacking,
  inspectRecipes,
} from "../lib/inspect/mod.ts";
import type { Terminal } from "../lib/tracking/mod.ts";
import { commandOf } from "./command.ts";
import { flagOf } from "./flag.ts";
import { withSystemIo } from "./io.ts";
import { checkOneOf, checkOwnData, completeFlags } from "./options.ts";

/** The command. */
// Its type is cliffy's, which infers it.
export function inspectCommand() {
  return commandOf("inspect", {
    run: async (given) => {
      const options = completeFlags("inspect", given);
      checkOneOf(options, "conversation", "packing");
      checkOwnData(options);
      const hasData = options.data.length > 0;
      checkOneOf({ ...options, data: hasData }, "conversation", "data");
      // What a mixture file names beside them is looked at with the packing alone.
      checkOneOf({ ...options, data: hasData && !options.packing }, "data", "mixture");
      await withSystemIo(false, (io) => {
        if (options.conversation !== undefined) {
          return inspectConversation(options.conversation, io, options);
        }
        if (options.packing) return inspectPacking(options, io);
        if (hasData) return inspectData(options, io).then(() => sayNext(options, io.terminal));
        if (given.recipe !== undefined) return Promise.resolve(inspectRecipes(io.terminal));
        return inspectCheckpoint(options, io);
      });
    },
  });
}

/** What to do with own data that was looked at. */
function sayNext({ dataOnly }: { dataOnly: boolean }, terminal: Terminal): void {
  const alone = dataOnly ? "" : `; on them alone with ${flagOf("dataOnly")}`;
  terminal.print("");
  terminal.print(`Next: leave "inspect" out to train on them${alone}`);
}
