/**
 * The command line: which commands there are, and how their errors are told.
 *
 * A command is one file in `cli/`. It declares flags and hands their values to a function of
 * `lib`; nothing is computed here.
 *
 * @module
 */

import { baseCommand } from "./cli/base.ts";
import { chatCommand } from "./cli/chat.ts";
import { codeOf } from "./cli/end.ts";
import { evalCommand } from "./cli/eval.ts";
import { exportCommand } from "./cli/export.ts";
import { importCommand } from "./cli/import.ts";
import { inspectCommand } from "./cli/inspect.ts";
import { avoidOpenGl, nameRuntimeDir } from "./cli/io.ts";
import { pullCommand } from "./cli/pull.ts";
import { serveCommand } from "./cli/serve.ts";
import { sftCommand } from "./cli/sft.ts";
import { tokTrainCommand } from "./cli/tok_train.ts";
import config from "./deno.json" with { type: "json" };

/**
 * Runs the command line.
 *
 * @param args The arguments, without the program's name. Without a command they are `sft`'s.
 * @returns The code to exit with: 0; 1 for input that a person can mend; 130 after Ctrl-C, 143 and
 * 129 after SIGTERM and SIGHUP.
 */
export async function main(args: string[]): Promise<number> {
  const program = sftCommand()
    .name("nanochat-sft")
    .version(config.version)
    .description("Fine-tune nanochat language models. Without a command: sft.")
    .noExit();
  program.command("sft", sftCommand());
  program.command("chat", chatCommand());
  program.command("serve", serveCommand());
  program.command("eval", evalCommand());
  program.command("inspect", inspectCommand());
  program.command("pull", pullCommand());
  program.command("export", exportCommand());
  program.command("import", importCommand());
  program.command("tok-train", tokTrainCommand());
  program.command("base", baseCommand());
  return await codeOf(() => {
    avoidOpenGl();
    nameRuntimeDir();
    return program.parse(args);
  });
}
