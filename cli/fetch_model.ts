/** A model of the hub, fetched for a command that uses it at once. */

import { checkImport, importHf } from "../lib/export/mod.ts";
import { type HubModel, pullForChat } from "../lib/pull/mod.ts";
import type { ModelOptions } from "../lib/training/mod.ts";
import { systemTerminal, withSystemIo } from "./io.ts";

/**
 * Fetches a model of the hub; what is half-written when that is interrupted is removed.
 *
 * @param hub The repository's name.
 * @param which Which of its models, if it has several.
 */
export async function fetchModel(
  hub: string,
  { source, modelTag: tag, step }: Partial<ModelOptions>,
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
