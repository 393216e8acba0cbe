/** The command `serve`: answer requests with a model. */

import { runServe } from "../lib/serve/mod.ts";
import { commandOf } from "./command.ts";
import { fetchModel } from "./fetch_model.ts";
import { withSystemIo } from "./io.ts";
import { serveOptions } from "./options.ts";

/** The command. */
// Its type is cliffy's, which infers it.
export function serveCommand() {
  return commandOf("serve", {
    run: async ({ quiet, hub, ...given }) => {
      const options = serveOptions(given);
      const model = hub === undefined
        ? undefined
        : await fetchModel(hub, { ...options, source: given.source }, quiet);
      const meant = model && { source: model.source, modelTag: model.tag };
      await withSystemIo(quiet, (io) =>
        runServe({ ...options, ...meant }, {
          ...io,
          baseDir: model?.baseDir ?? io.baseDir,
          date: () => Date.now(),
        }));
    },
  });
}
