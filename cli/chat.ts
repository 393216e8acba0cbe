/** The command `chat`: talk with a model. */

import { runChat } from "../lib/chat/mod.ts";
import { commandOf } from "./command.ts";
import { baseDir, systemTerminal, writeAll } from "./io.ts";
import { LineEditor } from "./line_editor.ts";
import { chatOptions } from "./options.ts";

/**
 * The command.
 *
 * @param run What to do with the options.
 */
// Its type is inferred: cliffy's.
export function chatCommand(run: typeof runChat = runChat) {
  return commandOf("chat", {
    description: "Talk with a model. Ctrl-C stops an answer, Ctrl-D leaves.",
    run: async ({ quiet, ...given }) => {
      const options = chatOptions(given);
      // Until the first line is wanted, Ctrl-C ends the program.
      let editor: LineEditor | undefined;
      try {
        await run(options, {
          terminal: systemTerminal(quiet === true || options.prompt !== undefined),
          baseDir: baseDir(),
          now: () => performance.now(),
          write: (text) => writeAll(Deno.stdout, text),
          readLine: () => (editor ??= new LineEditor()).readLine(),
          interruptible: (answer) =>
            editor?.interruptible(answer) ?? answer(new AbortController().signal),
        });
      } finally {
        editor?.close();
      }
    },
  });
}
