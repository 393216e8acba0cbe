/**
 * What a pretraining run can be told.
 *
 * @module
 */
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
 * Options of a pretraining run. Each is the command line's flag of the same name (`maxSeqLen` is
 * `--max-seq-len`).
 */
export interface BaseOptions {
  /** Blocks of the model. */
  depth: number;
  /** Width per block: the model is depth · aspectRatio wide, rounded up to whole heads. */
  aspectRatio: number;
  /** Size of a head. */
  headDim: number;
  /** Tokens in a row, T. */
  maxSeqLen: number;
  /** Attention windows, a letter per layer, tiled: L full, S short. */
  windowPattern: string;
  /** Folder under `base_checkpoints`; `d` and the depth unless given. */
  modelTag: string | undefined;
  /** Optimizer steps; −1 for one epoch over the documents. */
  numIterations: number;
  /** Rows in a micro-batch, B. */
  deviceBatchSize: number;
  /** Tokens in an optimizer step, a multiple of B·T. */
  totalBatchSize: number;
  /** Learning rate of the embeddings (AdamW). */
  embeddingLr: number;
  /** Learning rate of the output layer (AdamW). */
  unembeddingLr: number;
  /** Learning rate of the matrices (Muon). */
  matrixLr: number;
  /** Weight decay of the matrices. */
  weightDecay: number;
  /** Share of the run in which the learning rate rises. */
  warmupRatio: number;
  /** Share of the run in which the learning rate falls. */
  warmdownRatio: number;
  /** Last learning rate as a fraction of the first. */
  finalLrFrac: number;
  /** Steps between measurements of validation bpb; −1 for the last step only. */
  evalEvery: number;
  /** Tokens of the held-out documents that are measured. */
  evalTokens: number;
  /** Steps between checkpoints; −1 for the last step only. */
  saveEvery: number;
  /** Element type of the saved parameters. */
  saveDtype: "float32" | "bfloat16";
  /** Decides the initial parameters and the order of the documents. */
  seed: number;
  /** `"webgpu"`, `"cpu"`, or undefined for a hardware GPU if there is one, else the CPU. */
  deviceType: "webgpu" | "cpu" | undefined;
  /** Threads of the CPU device; undefined for one per core. */
  threads: number | undefined;
  /** BLAS library of the CPU device: `"auto"` finds one, `"off"` uses none, else a file. */
  blas: string;
}

/** The defaults: nanochat's where one computer can use them. */
export const BASE_DEFAULTS: Readonly<BaseOptions> = {
  depth: 4,
  aspectRatio: 64,
  headDim: 128,
  maxSeqLen: 512,
  windowPattern: "SSSL",
  modelTag: undefined,
  numIterations: -1,
  deviceBatchSize: 8,
  totalBatchSize: 8192,
  embeddingLr: 0.3,
  unembeddingLr: 0.008,
  matrixLr: 0.02,
  weightDecay: 0.05,
  warmupRatio: 0.02,
  warmdownRatio: 0.65,
  finalLrFrac: 0.05,
  evalEvery: 250,
  evalTokens: 131072,
  saveEvery: -1,
  saveDtype: "float32",
  seed: 42,
  deviceType: undefined,
  threads: undefined,
  blas: "off",
};

const NUMBER_RULES: Record<NumberField<BaseOptions>, NumberRule> = {
  depth: positive,
  aspectRatio: positive,
  headDim: { wanted: "an even whole number from 2", allows: (n) => positive.allows(n / 2) },
  maxSeqLen: positive,
  numIterations: positiveOrMinusOne,
  deviceBatchSize: positive,
  totalBatchSize: positive,
  embeddingLr: rate,
  unembeddingLr: rate,
  matrixLr: rate,
  weightDecay: rate,
  warmupRatio: fraction,
  warmdownRatio: fraction,
  finalLrFrac: rate,
  evalEvery: positiveOrMinusOne,
  evalTokens: positive,
  saveEvery: positiveOrMinusOne,
  seed: count,
  threads: positive,
};

/**
 * The given options with the defaults for the rest.
 *
 * @throws {UserError} naming the flag, for a value that it does not take.
 *
 * @example
 * ```ts
 * import { baseOptions } from "@nanochat/sft/base";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(baseOptions({ depth: 6 }).matrixLr, 0.02);
 * ```
 */
export function baseOptions(given: Partial<BaseOptions> = {}): BaseOptions {
  const options = withDefaults(given, BASE_DEFAULTS);
  checkNumbers(options, NUMBER_RULES);
  checkSchedule(options);
  if (!/^[LS]+$/i.test(options.windowPattern)) {
    refuse("windowPattern", "letters L and S", options.windowPattern);
  }
  if (!["float32", "bfloat16"].includes(options.saveDtype)) {
    refuse("saveDtype", "float32 or bfloat16", options.saveDtype);
  }
  checkModelTag(options);
  checkDeviceNames(options);
  return options;
}
