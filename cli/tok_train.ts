/** The command `tok-train`: make a tokenizer from text files. */

import { Command } from "@cliffy/command";
import { runTokTrain, TOK_TRAIN_DEFAULTS } from "../lib/base/mod.ts";
import { withSystemIo } from "./io.ts";

/**
 * The command.
 *
 * @param run What to do with the files and options.
 */
// Its type is inferred: cliffy computes the options' type from the flags.
export function tokTrainCommand(run: typeof runTokTrain = runTokTrain) {
  return new Command()
    .description(
      "Train a tokenizer on text: .jsonl files with a text a line, or plain text files; .gz too.",
    )
    .arguments("<file:string> [...more:string]")
    .option("--vocab-size <tokens:integer>", "Tokens, bytes and special tokens included.", {
      default: TOK_TRAIN_DEFAULTS.vocabSize,
    })
    .option("--max-chars <characters:integer>", "Characters read at most.", {
      default: TOK_TRAIN_DEFAULTS.maxChars,
    })
    .option("--out <folder:string>", "Where to write; else tokenizer in the base directory.")
    .option("--quiet", "Print only results and warnings.")
    .action(async ({ quiet, vocabSize, maxChars, out }, ...files) => {
      await withSystemIo(
        quiet === true,
        async (io) => void await run(files as string[], { vocabSize, maxChars, out }, io),
      );
    });
}
