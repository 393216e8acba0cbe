/** The command `chat`: talk with a model. */

import { runChat, type RunChatOptions } from "../lib/chat/mod.ts";
import type { CheckpointSource } from "../lib/checkpoint/mod.ts";
import { checkImport, importHf } from "../lib/export/mod.ts";
import { type HubModel, pullForChat } from "../lib/pull/mod.ts";
import { commandOf } from "./command.ts";
import { adviseOn, wordError } from "./errors.ts";
import { baseDir, endBySignals, systemTerminal, withSystemIo, writeAll } from "./io.ts";
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
        : await fetchModel(hub, given.source, options, quiet);
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

/** Fetches a model of the hub; what is half-written when that is interrupted is removed. */
async function fetchModel(
  hub: string,
  source: CheckpointSource | undefined,
  { modelTag: tag, step }: RunChatOptions,
  quiet: boolean | undefined,
): Promise<HubModel> {
  let model: HubModel;
  await withSystemIo(quiet, async (io) => {
    // Standard output is the answer's.
    const terminal = systemTerminal(quiet, Deno.stderr);
    model = await pullForChat(hub, { source, tag, step }, {
      ...io,
      terminal,
      importModel: importHf,
      checkImport,
    });
  });
  return model!;
}
