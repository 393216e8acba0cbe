/** The command `sft`: fine-tune a base model on conversations. */

import { runSft } from "../lib/sft/mod.ts";
import { commandOf } from "./command.ts";
import { whatIsLeft } from "./errors.ts";
import { flagOf } from "./flag.ts";
import { sftOptions } from "./options.ts";
import { onRanks } from "./ranks/mod.ts";

/**
 * The command with nanochat's flags.
 *
 * @param run What to do with the options.
 */
// Its type is cliffy's, which infers it.
export function sftCommand(run: typeof runSft = runSft) {
  return commandOf("sft", {
    run: async ({ quiet, nproc, ...given }) => {
      const options = sftOptions(given);
      await onRanks({ nproc, quiet, threads: options.threads }, async (io, threads) => {
        const { isDemo, wasFinished, isOutOfPatience, tag, at, savedStep } = await run(
          { ...options, threads },
          io,
        );
        const { terminal, signal } = io;
        if (signal.aborted) {
          const saved = savedStep === undefined ? undefined : { tag, step: savedStep };
          terminal.print(`Stopped after step ${at.step}; ${whatIsLeft(saved, "sft")}`);
        } else if (wasFinished) {
          const flag = flagOf(isOutOfPatience ? "patience" : "numIterations");
          terminal.print(`A larger ${flag} goes on with it`);
        } else if (isDemo && options.dataOnly) TALK.forEach((line) => terminal.print(line));
        else if (isDemo) NEXT.forEach((line) => terminal.print(line));
      });
    },
  });
}

/** What to try after own conversations were taught to the model that ships. */
const TALK = ["", 'Next: add "chat" to the command to talk with it'];

/** What to try after the demonstration. */
const NEXT = [
  "",
  'Next: add "chat" to the command to talk with it, or --data FILE.jsonl to teach it your own ' +
  "conversations; with nanochat's base models, --model-tag names the one to fine-tune",
];
