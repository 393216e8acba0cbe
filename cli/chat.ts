/** The command `chat`: talk with a model. */

import { Command } from "@cliffy/command";
import { CHAT_DEFAULTS as defaults, runChat, type RunChatOptions } from "../lib/chat/mod.ts";
import { baseDir, systemTerminal, writeAll } from "./io.ts";
import { LineEditor } from "./line_editor.ts";

/**
 * The command.
 *
 * @param run What to do with the options.
 */
// Its type is inferred: cliffy computes the options' type from the flags.
export function chatCommand(run: typeof runChat = runChat) {
  return new Command()
    .description("Talk with a model. Ctrl-C stops an answer, Ctrl-D leaves.")
    .option("--prompt <text:string>", "Answer this and leave.")
    .group("Model")
    .option("--source <kind:string>", "sft or base.", { default: "sft" })
    .option("--model-tag <tag:string>", "Folder of the checkpoint, such as d12; else the deepest.")
    .option("--step <step:integer>", "Step of the checkpoint; else the last.")
    .group("Answers")
    .option("--temperature <number:number>", "0 takes the most likely tokens.", {
      default: defaults.temperature,
    })
    .option("--top-k <tokens:integer>", "Sample from so many tokens; 0 from all.", {
      default: defaults.topK,
    })
    .option("--top-p <share:number>", "Sample from the likeliest that have this share.", {
      default: defaults.topP,
    })
    .option("--min-p <share:number>", "Least probability, as a share of the likeliest's.", {
      default: defaults.minP,
    })
    .option("--seed <number:integer>", "Decides what is sampled.", { default: defaults.seed })
    .option("--max-new-tokens <tokens:integer>", "Most tokens of an answer.", {
      default: defaults.maxNewTokens,
    })
    .group("Device and output")
    .option("--device-type <name:string>", "webgpu or cpu; else a GPU if there is one.")
    .option("--threads <count:integer>", "Threads of the CPU device; else one per core.")
    .option("--blas <library:string>", "BLAS of the CPU device: auto, off or a file.", {
      default: "off",
    })
    .option("--quiet", "Print only answers and warnings.")
    .action(async ({ quiet, source, deviceType, ...rest }) => {
      // Wrong names are refused by runChat.
      const options = { ...rest, source, deviceType: deviceType || undefined } as RunChatOptions;
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
    });
}
