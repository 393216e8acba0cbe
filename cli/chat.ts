/** The command `chat`: talk with a model. */

import { runChat } from "../lib/chat/mod.ts";
import { commandOf } from "./command.ts";
import { adviseOn, wordError } from "./errors.ts";
import { fetchModel } from "./fetch_model.ts";
import { baseDir, endBySignals, systemTerminal, writeAll } from "./io.ts";
import { type LineSource, openLines } from "./line_editor.ts";
import { chatOptions } from "./options.ts";

/**
 * The command.
 *
 * @param run What to do with the options, when a model of the hub is there.
 */
// Its type is cliffy's, which infers it.
export function chatCommand(run: typeof runChat = runChat) {
  return commandOf("chat", {
    run: async ({ quiet, hub, ...given }) => {
      const options = chatOptions(given);
      // Until the first line is wanted, Ctrl-C ends the program.
      let lines: LineSource | undefined;
      const model = hub === undefined
        ? undefined
        : await fetchModel(hub, { ...options, source: given.source }, quiet);
      const unlisten = endBySignals(() => lines?.close());
      try {
        const meant = model && { source: model.source, modelTag: model.tag };
        await run({ ...options, ...meant }, {
          terminal: systemTerminal(quiet === true || options.prompt !== undefined),
          baseDir: model?.baseDir ?? baseDir(),
          now: () => performance.now(),
          advice: adviseOn,
          write: (text) => writeAll(Deno.stdout, text),
          isShownOnTerminal: Deno.stdout.isTerminal(),
          tell: (error) => systemTerminal().error(wordError(error, "chat")),
          readLine: () => (lines ??= openLines()).readLine(),
          interruptible: (answer) =>
            lines?.interruptible(answer) ?? answer(new AbortController().signal),
        });
      } finally {
        lines?.close();
        unlisten();
      }
    },
  });
}
