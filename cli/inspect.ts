/** The command `inspect`: look at a checkpoint, a conversation's tokens, or how a mixture packs. */

import { Command } from "@cliffy/command";
import { inspectCheckpoint, inspectConversation, inspectPacking } from "../lib/inspect/mod.ts";
import type { ModelOptions } from "../lib/training/mod.ts";
import { SFT_DEFAULTS as defaults, sftOptions } from "../lib/sft/mod.ts";
import { withSystemIo } from "./io.ts";

/** The command. */
// Its type is inferred: cliffy computes the options' type from the flags.
export function inspectCommand() {
  return new Command()
    .description("Look at a checkpoint, a conversation's tokens, or how a mixture packs.")
    .option("--conversation <file:string>", "Show tokens of a conversation; file:number.")
    .option("--packing", "Pack the training mixture and count.")
    .group("Model")
    .option("--source <kind:string>", "sft or base.", { default: "base" })
    .option("--model-tag <tag:string>", "Folder of the checkpoint, such as d12; else the deepest.")
    .option("--step <step:integer>", "Step of the checkpoint; else the last.")
    .group("Mixture, for --packing")
    .option("--max-seq-len <tokens:integer>", "Tokens in a row; else the base model's.")
    .option("--mmlu-epochs <times:integer>", "Times MMLU is in the mixture.", {
      default: defaults.mmluEpochs,
    })
    .option("--gsm8k-epochs <times:integer>", "Times GSM8K is in the mixture.", {
      default: defaults.gsm8kEpochs,
    })
    .option("--simple-spelling-size <rows:integer>", "Rows of SimpleSpelling in the mixture.", {
      default: defaults.simpleSpellingSize,
    })
    .option("--spelling-bee-size <rows:integer>", "Rows of SpellingBee in the mixture.", {
      default: defaults.spellingBeeSize,
    })
    .option("--data <file:string>", "Add own conversations (JSONL); file:epochs; repeatable.", {
      collect: true,
    })
    .option("--mixture <file:string>", "Mix what this JSON file says instead.")
    .action(async ({ conversation, packing, source, modelTag, step, ...mixture }) => {
      const options = sftOptions({ ...mixture, modelTag, modelStep: step });
      await withSystemIo(false, (io) => {
        if (conversation !== undefined) return inspectConversation(conversation, io);
        if (packing) return inspectPacking(options, io);
        return inspectCheckpoint({ source, modelTag, step } as ModelOptions, io);
      });
    });
}
