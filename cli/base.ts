/** The command `base`: pretrain a small model on text files. */

import { Command } from "@cliffy/command";
import {
  BASE_DEFAULTS as defaults,
  type BaseOptions,
  baseOptions,
  runBase,
} from "../lib/base/mod.ts";
import { withSystemIo } from "./io.ts";

/**
 * The command.
 *
 * @param run What to do with the files and options.
 */
// Its type is inferred: cliffy computes the options' type from the flags.
export function baseCommand(run: typeof runBase = runBase) {
  return new Command()
    .description(
      "Pretrain a model on text: .jsonl files with a text a line, or plain text files; .gz too.",
    )
    .arguments("<file:string> [...more:string]")
    .group("Model")
    .option("--depth <blocks:integer>", "Blocks.", { default: defaults.depth })
    .option("--aspect-ratio <channels:integer>", "Width per block.", {
      default: defaults.aspectRatio,
    })
    .option("--head-dim <channels:integer>", "Size of a head.", { default: defaults.headDim })
    .option("--window-pattern <letters:string>", "L full or S short attention, per layer.", {
      default: defaults.windowPattern,
    })
    .group("Length and batches")
    .option("--num-iterations <steps:integer>", "Optimizer steps; -1 is one epoch.", {
      default: defaults.numIterations,
    })
    .option("--max-seq-len <tokens:integer>", "Tokens in a row.", { default: defaults.maxSeqLen })
    .option("--device-batch-size <rows:integer>", "Rows in a micro-batch.", {
      default: defaults.deviceBatchSize,
    })
    .option("--total-batch-size <tokens:integer>", "Tokens in an optimizer step.", {
      default: defaults.totalBatchSize,
    })
    .group("Learning rates")
    .option("--embedding-lr <rate:number>", "Of the embeddings.", { default: defaults.embeddingLr })
    .option("--unembedding-lr <rate:number>", "Of the output layer.", {
      default: defaults.unembeddingLr,
    })
    .option("--matrix-lr <rate:number>", "Of the matrices.", { default: defaults.matrixLr })
    .option("--weight-decay <rate:number>", "Of the matrices.", { default: defaults.weightDecay })
    .option("--warmup-ratio <share:number>", "Share of the run in which the rate rises.", {
      default: defaults.warmupRatio,
    })
    .option("--warmdown-ratio <share:number>", "Share of the run in which the rate falls.", {
      default: defaults.warmdownRatio,
    })
    .option("--final-lr-frac <fraction:number>", "Last rate as a fraction of the first.", {
      default: defaults.finalLrFrac,
    })
    .group("Evaluation and saving")
    .option("--eval-every <steps:integer>", "Measure bpb so often; -1 only at the end.", {
      default: defaults.evalEvery,
    })
    .option("--eval-tokens <tokens:integer>", "Held-out tokens measured for bpb.", {
      default: defaults.evalTokens,
    })
    .option("--save-every <steps:integer>", "Save so often; -1 only at the end.", {
      default: defaults.saveEvery,
    })
    .option("--save-dtype <type:string>", "float32 or bfloat16.", { default: defaults.saveDtype })
    .option("--model-tag <tag:string>", "Folder of the checkpoint; else d and the depth.")
    .group("Device and output")
    .option("--seed <number:integer>", "Decides the first values and the documents' order.", {
      default: defaults.seed,
    })
    .option("--device-type <name:string>", "webgpu or cpu; else a GPU if there is one.")
    .option("--threads <count:integer>", "Threads of the CPU device; else one per core.")
    .option("--blas <library:string>", "BLAS of the CPU device: auto, off or a file.", {
      default: defaults.blas,
    })
    .option("--quiet", "Print only results and warnings.")
    .action(async ({ quiet, saveDtype, deviceType, ...rest }, ...files) => {
      const options = baseOptions({
        ...rest,
        // baseOptions refuses other words.
        saveDtype: saveDtype as BaseOptions["saveDtype"],
        deviceType: (deviceType || undefined) as BaseOptions["deviceType"],
      });
      await withSystemIo(
        quiet === true,
        async (io) => void await run(files as string[], options, io),
      );
    });
}
