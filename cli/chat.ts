/** The command `chat`: talk with a model. */

import { runChat } from "../lib/chat/mod.ts";
import { checkImport, importHf } from "../lib/export/mod.ts";
import { pullForChat } from "../lib/pull/mod.ts";
import { commandOf } from "./command.ts";
import { adviseOn, wordError } from "./errors.ts";
import { baseDir, exitCode, SIGNALS, systemTerminal, writeAll } from "./io.ts";
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
      // Leaving by `Deno.exit` gives the terminal back as it was.
      for (const [signal, leave] of LEAVING) Deno.addSignalListener(signal, leave);
      try {
        const model = hub === undefined ? undefined : await pullForChat(
          hub,
          { source: given.source, tag: options.modelTag, step: options.step },
          {
            // Standard output is the answer's.
            terminal: systemTerminal(quiet, Deno.stderr),
            baseDir: baseDir(),
            env: (name) => Deno.env.get(name),
            importModel: importHf,
            checkImport,
          },
        );
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
        for (const [signal, leave] of LEAVING) Deno.removeSignalListener(signal, leave);
      }
    },
  });
}

const LEAVING = SIGNALS.map((signal) => [signal, () => Deno.exit(exitCode(signal))] as const);
