/** The command `sft`: fine-tune a base model on conversations. */

import { Command } from "@cliffy/command";
import { UserError } from "../lib/errors.ts";
import type { RunIo } from "../lib/training/mod.ts";
import { runSft, SFT_DEFAULTS, type SftOptions, sftOptions } from "../lib/sft/mod.ts";
import { withSystemIo } from "./io.ts";

const defaults = SFT_DEFAULTS;

/**
 * The command with nanochat's flags.
 *
 * @param run What to do with the options.
 */
// Its type is inferred: cliffy computes the options' type from the flags.
export function sftCommand(run: (options: SftOptions, io: RunIo) => Promise<unknown> = runSft) {
  return new Command()
    .description("Fine-tune a base model on conversations.")
    .group("Model")
    .option("--model-tag <tag:string>", "Base checkpoint, such as d12; else the deepest.")
    .option("--model-step <step:integer>", "Step of the base checkpoint; else the last.")
    .option("--load-optimizer <switch:integer>", "1 warm-starts the optimizer, 0 does not.", {
      default: Number(defaults.loadOptimizer),
    })
    .option("--resume", "Go on with the last fine-tuned checkpoint of the tag.")
    .group("Length and batches")
    .option("--num-iterations <steps:integer>", "Optimizer steps; -1 is one epoch.", {
      default: defaults.numIterations,
    })
    .option("--max-seq-len <tokens:integer>", "Tokens in a row; else the base model's.")
    .option("--device-batch-size <rows:integer>", "Rows in a micro-batch; else the base model's.")
    .option("--total-batch-size <tokens:integer>", "Tokens in a step; else the base model's.")
    .group("Learning rates")
    .option("--embedding-lr <rate:number>", "Of the embeddings; else the base model's.")
    .option("--unembedding-lr <rate:number>", "Of the output layer; else the base model's.")
    .option("--matrix-lr <rate:number>", "Of the matrices; else the base model's.")
    .option("--init-lr-frac <fraction:number>", "First rate as a fraction of the base one.", {
      default: defaults.initLrFrac,
    })
    .option("--warmup-ratio <share:number>", "Share of the run in which the rate rises.", {
      default: defaults.warmupRatio,
    })
    .option("--warmdown-ratio <share:number>", "Share of the run in which the rate falls.", {
      default: defaults.warmdownRatio,
    })
    .option("--final-lr-frac <fraction:number>", "Last rate as a fraction of the first.", {
      default: defaults.finalLrFrac,
    })
    .group("Evaluation")
    .option("--eval-every <steps:integer>", "Measure bpb so often; -1 only at the end.", {
      default: defaults.evalEvery,
    })
    .option("--eval-tokens <tokens:integer>", "Tokens measured for bpb.", {
      default: defaults.evalTokens,
    })
    .option("--save-every <steps:integer>", "Save a checkpoint so often; -1 only at the end.", {
      default: defaults.saveEvery,
    })
    .option("--chatcore-every <steps:integer>", "Measure ChatCORE so often; -1 never.", {
      default: defaults.chatcoreEvery,
    })
    .option("--chatcore-max-cat <problems:integer>", "Per categorical task; -1 is all.", {
      default: defaults.chatcoreMaxCat,
    })
    .option("--chatcore-max-sample <problems:integer>", "Per generative task; -1 is all.", {
      default: defaults.chatcoreMaxSample,
    })
    .group("Data")
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
    .group("Device and output")
    .option("--device-type <name:string>", "webgpu or cpu; else a GPU if there is one.")
    .option("--threads <count:integer>", "Threads of the CPU device; else one per core.")
    .option("--blas <library:string>", "BLAS of the CPU device: auto, off or a file.", {
      default: defaults.blas,
    })
    .option("--run <name:string>", "Name of the run, kept with its metrics.", {
      default: defaults.run,
    })
    .option("--quiet", "Print only results and warnings.")
    .action(async ({ quiet, loadOptimizer, deviceType, ...rest }) => {
      const options = sftOptions({
        ...rest,
        loadOptimizer: toSwitch("--load-optimizer", loadOptimizer),
        // An empty name means none, as in nanochat; sftOptions refuses wrong ones.
        deviceType: (deviceType || undefined) as SftOptions["deviceType"],
      });
      await withSystemIo(quiet === true, async (io) => void await run(options, io));
    });
}

function toSwitch(flag: string, value: number): boolean {
  if (value !== 0 && value !== 1) throw new UserError(`${flag} must be 0 or 1, but is ${value}`);
  return value === 1;
}
