/** The command `eval`: measure a checkpoint on the tasks of ChatCORE. */

import { Command } from "@cliffy/command";
import { EVAL_DEFAULTS as defaults, type EvalOptions, runEval } from "../lib/training/mod.ts";
import { withSystemIo } from "./io.ts";

/**
 * The command with nanochat's flags.
 *
 * @param run What to do with the options.
 */
// Its type is inferred: cliffy computes the options' type from the flags.
export function evalCommand(run: typeof runEval = runEval) {
  return new Command()
    .description("Measure a model on the tasks of ChatCORE.")
    .group("Model")
    .option("--source <kind:string>", "sft or base.", { default: "sft" })
    .option("--model-tag <tag:string>", "Folder of the checkpoint, such as d12; else the deepest.")
    .option("--step <step:integer>", "Step of the checkpoint; else the last.")
    .group("Evaluation")
    .option("--tasks <names:string>", "Such as ARC-Easy|GSM8K; else all six.")
    .option("--temperature <number:number>", "0 takes the most likely tokens.", {
      default: defaults.temperature,
    })
    .option("--top-k <tokens:integer>", "Sample from so many tokens; 0 from all.", {
      default: defaults.topK,
    })
    .option("--max-new-tokens <tokens:integer>", "Most tokens of an answer.", {
      default: defaults.maxNewTokens,
    })
    .option("--num-samples <answers:integer>", "Answers per problem, of which one must be right.", {
      default: defaults.numSamples,
    })
    .option("--batch-size <problems:integer>", "Problems in a batch.", {
      default: defaults.batchSize,
    })
    .option("--max-problems <problems:integer>", "Problems per task; -1 is all.", {
      default: defaults.maxProblems,
    })
    .group("Device and output")
    .option("--device-type <name:string>", "webgpu or cpu; else a GPU if there is one.")
    .option("--threads <count:integer>", "Threads of the CPU device; else one per core.")
    .option("--blas <library:string>", "BLAS of the CPU device: auto, off or a file.", {
      default: "off",
    })
    .option("--json", "Print one JSON object instead of a table.")
    .option("--quiet", "Print only results and warnings.")
    .action(async ({ quiet, source, deviceType, ...rest }) => {
      // Wrong names are refused by runEval.
      const options = { ...rest, source, deviceType: deviceType || undefined } as EvalOptions;
      const onlyResults = quiet === true || options.json === true;
      await withSystemIo(onlyResults, async (io) => void await run(options, io));
    });
}
