/** The command `chat`: talk with a model. */

import { runChat } from "../lib/chat/mod.ts";
import { commandOf } from "./command.ts";
import { adviseOn, wordError } from "./errors.ts";
import { baseDir, exitCode, SIGNALS, systemTerminal, writeAll } from "./io.ts";
import { type LineSource, openLines } from "./line_editor.ts";
import { chatOptions } from "./options.ts";

/**
 * The command.
 *
 * @param run What to do with the options.
 */
// Its type is cliffy's, which infers it.
export function chatCommand(run: typeof runChat = runChat) {
  return commandOf("chat", {
    run: async ({ quiet, ...given }) => {
      const options = chatOptions(given);
      // Until the first line is wanted, Ctrl-C ends the program.
      let lines: LineSource | undefined;
      // Leaving by `Deno.exit` gives the terminal back as it was.
      for (const [signal, leave] of LEAVING) Deno.addSignalListener(signal, leave);
      try {
        await run(options, {
          terminal: systemTerminal(quiet === true || options.prompt !== undefined),
          baseDir: baseDir(),
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
        for (const [signal, leave] of LEAVING) Deno.removeSignalListener(signal, leave);
      }
    },
  });
}

const LEAVING = SIGNALS.map((signal) => [signal, () => Deno.exit(exitCode(signal))] as const);
