/**
 * What a fine-tuning run can be told: nanochat's `chat_sft` flags, with their defaults and the
 * values they may take.
 *
 * @module
 */

import { parseDataFlag } from "../tasks/mod.ts";
import {
  checkDeviceNames,
  checkModelTag,
  checkNumbers,
  checkSchedule,
  count,
  fraction,
  type NumberField,
  type NumberRule,
  positive,
  positiveOrMinusOne,
  rate,
  refuse,
  withDefaults,
} from "../training/flag_rules.ts";

/**
 * Options of a fine-tuning run. Each is the command line's flag of the same name
 * (`maxSeqLen` is `--max-seq-len`). What is left out where `undefined` is allowed is inherited
 * from the base checkpoint.
 */
export interface SftOptions {
  /** Name of the run, kept with the metrics. */
  run: string;
  /** `"webgpu"`, `"cpu"`, or undefined for a hardware GPU if there is one, else the CPU. */
  deviceType: "webgpu" | "cpu" | undefined;
  /** Threads of the CPU device; undefined for one per core. */
  threads: number | undefined;
  /** BLAS library of the CPU device: `"auto"` finds one, `"off"` uses none, else a file. */
  blas: string;
  /** Folder of the base checkpoint, such as `"d12"`; undefined for the deepest model there. */
  modelTag: string | undefined;
  /** Step of the base checkpoint; undefined for its last. */
  modelStep: number | undefined;
  /** Whether to warm-start the optimizer from the base checkpoint's state. */
  loadOptimizer: boolean;
  /** Whether to go on with the last fine-tuned checkpoint of the tag instead of a base one. */
  resume: boolean;
  /** Optimizer steps; −1 for one epoch over the mixture. */
  numIterations: number;
  /** Tokens in a row, T. */
  maxSeqLen: number | undefined;
  /** Rows in a micro-batch, B. */
  deviceBatchSize: number | undefined;
  /** Tokens in an optimizer step, a multiple of B·T. */
  totalBatchSize: number | undefined;
  /** Learning rate of the embeddings (AdamW). */
  embeddingLr: number | undefined;
  /** Learning rate of the output layer (AdamW). */
  unembeddingLr: number | undefined;
  /** Learning rate of the matrices (Muon). */
  matrixLr: number | undefined;
  /** First learning rate as a fraction of the base one. */
  initLrFrac: number;
  /** Share of the run in which the learning rate rises. */
  warmupRatio: number;
  /** Share of the run in which the learning rate falls. */
  warmdownRatio: number;
  /** Last learning rate as a fraction of the first. */
  finalLrFrac: number;
  /** Steps between measurements of validation bpb; −1 for the last step only. */
  evalEvery: number;
  /** Tokens of the validation mixture that are measured. */
  evalTokens: number;
  /** Steps between checkpoints; −1 for the last step only. */
  saveEvery: number;
  /** Steps between ChatCORE evaluations; −1 for none. */
  chatcoreEvery: number;
  /** Most problems per categorical ChatCORE task; −1 for all. */
  chatcoreMaxCat: number;
  /** Most problems per generative ChatCORE task; −1 for all. */
  chatcoreMaxSample: number;
  /** Times MMLU is in the mixture. */
  mmluEpochs: number;
  /** Times GSM8K is in the mixture. */
  gsm8kEpochs: number;
  /** Rows of SimpleSpelling in the mixture. */
  simpleSpellingSize: number;
  /** Rows of SpellingBee in the mixture. */
  spellingBeeSize: number;
  /** Files of one's own conversations to mix in: `path`, or `path:epochs`. */
  data: readonly string[];
  /** A file that says what is mixed instead of the usual; undefined for nanochat's mixture. */
  mixture: string | undefined;
}

/** The defaults, nanochat's own. */
export const SFT_DEFAULTS: Readonly<SftOptions> = {
  run: "dummy",
  deviceType: undefined,
  threads: undefined,
  blas: "off",
  modelTag: undefined,
  modelStep: undefined,
  loadOptimizer: true,
  resume: false,
  numIterations: -1,
  maxSeqLen: undefined,
  deviceBatchSize: undefined,
  totalBatchSize: undefined,
  embeddingLr: undefined,
  unembeddingLr: undefined,
  matrixLr: undefined,
  initLrFrac: 0.8,
  warmupRatio: 0,
  warmdownRatio: 0.5,
  finalLrFrac: 0,
  evalEvery: 200,
  evalTokens: 40 * 524288,
  saveEvery: -1,
  chatcoreEvery: 200,
  chatcoreMaxCat: -1,
  chatcoreMaxSample: 24,
  mmluEpochs: 3,
  gsm8kEpochs: 4,
  simpleSpellingSize: 200000,
  spellingBeeSize: 80000,
  data: [],
  mixture: undefined,
};

const NUMBER_RULES: Record<NumberField<SftOptions>, NumberRule> = {
  threads: positive,
  modelStep: count,
  numIterations: positiveOrMinusOne,
  maxSeqLen: positive,
  deviceBatchSize: positive,
  totalBatchSize: positive,
  embeddingLr: rate,
  unembeddingLr: rate,
  matrixLr: rate,
  initLrFrac: rate,
  warmupRatio: fraction,
  warmdownRatio: fraction,
  finalLrFrac: rate,
  evalEvery: positiveOrMinusOne,
  evalTokens: positive,
  saveEvery: positiveOrMinusOne,
  chatcoreEvery: positiveOrMinusOne,
  chatcoreMaxCat: positiveOrMinusOne,
  chatcoreMaxSample: positiveOrMinusOne,
  mmluEpochs: count,
  gsm8kEpochs: count,
  simpleSpellingSize: count,
  spellingBeeSize: count,
};

/**
 * The given options with the defaults for the rest.
 *
 * @throws {UserError} naming the flag, for a value that it does not take.
 *
 * @example
 * ```ts
 * import { sftOptions } from "@nanochat/sft";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sftOptions({ numIterations: 100 }).initLrFrac, 0.8);
 * ```
 */
export function sftOptions(given: Partial<SftOptions> = {}): SftOptions {
  const options = withDefaults(given, SFT_DEFAULTS);
  checkNumbers(options, NUMBER_RULES);
  checkSchedule(options);
  checkDeviceNames(options);
  options.data.forEach(parseDataFlag);
  if (options.mixture === "") refuse("mixture", "the path of a file", options.mixture);
  if (options.run === "") refuse("run", "a name", options.run);
  checkModelTag(options);
  return options;
}
