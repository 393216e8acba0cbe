/**
 * Flags of training runs.
 *
 * @module
 */
import { absent, type Flag } from "../flag.ts";
import { count, fraction, oneOf, positive, positiveOrMinusOne, rate } from "../flag_rules.ts";

/** How long a run is, and how it is cut into batches. */
export const LENGTH_AND_BATCHES = {
  numIterations: {
    value: "steps:integer",
    rule: positiveOrMinusOne,
    words: "Optimizer steps; -1 is one epoch.",
    of: { sft: -1, base: -1 },
  },
  maxSeqLen: {
    value: "tokens:integer",
    rule: positive,
    words: "Tokens in a row.",
    of: { sft: absent("from checkpoint"), base: 512, inspect: absent("from checkpoint") },
  },
  deviceBatchSize: {
    value: "rows:integer",
    orWord: "auto",
    rule: positive,
    words: "Rows in a micro-batch; auto is the most that fit and divide the step.",
    of: { sft: absent("from checkpoint"), base: 8 },
  },
  recompute: {
    words: "Keep a layer's input alone, and compute the rest again: less memory.",
    of: { sft: false, base: false },
  },
  isolate: {
    words: "Conversations packed into one row do not see each other.",
    of: { sft: false },
  },
  totalBatchSize: {
    value: "tokens:integer",
    rule: positive,
    words: "Tokens in an optimizer step.",
    of: { sft: absent("from checkpoint"), base: 8192 },
  },
} as const satisfies Record<string, Flag>;

/** Learning rates and their course. */
export const LEARNING_RATES = {
  embeddingLr: {
    value: "rate:number",
    rule: rate,
    words: "Learning rate of the embeddings.",
    of: { sft: absent("from checkpoint"), base: 0.3 },
  },
  unembeddingLr: {
    value: "rate:number",
    rule: rate,
    words: "Learning rate of the output layer.",
    of: { sft: absent("from checkpoint"), base: 0.008 },
  },
  matrixLr: {
    value: "rate:number",
    rule: rate,
    words: "Learning rate of the matrices.",
    of: { sft: absent("from checkpoint"), base: 0.02 },
  },
  weightDecay: {
    value: "rate:number",
    rule: rate,
    words: "Weight decay of the matrices.",
    of: { base: 0.05 },
  },
  initLrFrac: {
    value: "fraction:number",
    rule: rate,
    words: "First learning rate as a fraction of the base one.",
    of: { sft: 0.8 },
  },
  warmupRatio: {
    value: "share:number",
    rule: fraction,
    words: "Share of the run in which the learning rate rises.",
    of: { sft: 0, base: 0.02 },
  },
  warmdownRatio: {
    value: "share:number",
    rule: fraction,
    words: "Share of the run in which the learning rate falls.",
    of: { sft: 0.5, base: 0.65 },
  },
  finalLrFrac: {
    value: "fraction:number",
    rule: rate,
    words: "Last learning rate as a fraction of the first.",
    of: { sft: 0, base: 0.05 },
  },
} as const satisfies Record<string, Flag>;

/** What is measured and saved, and when. */
export const EVALUATION_AND_SAVING = {
  evalEvery: {
    value: "steps:integer",
    rule: positiveOrMinusOne,
    words: "Steps between measurements of bpb; -1 only at the end.",
    of: { sft: 200, base: 250 },
  },
  evalTokens: {
    value: "tokens:integer",
    rule: positive,
    words: "Tokens measured for bpb.",
    of: { sft: 40 * 524288, base: 131072 },
  },
  saveEvery: {
    value: "steps:integer",
    rule: positiveOrMinusOne,
    words: "Steps between checkpoints; -1 only at the end.",
    of: { sft: -1, base: -1 },
  },
  saveBest: {
    words: "Save too whenever bpb is the lowest so far.",
    of: { sft: false, base: false },
  },
  keep: {
    value: "checkpoints:integer",
    rule: count,
    words: "Newest checkpoints that stay, beside the best; 0 is all.",
    of: { sft: 0, base: 0 },
  },
  saveDtype: {
    value: "type:string",
    rule: oneOf("float32", "bfloat16"),
    words: "Type of the saved parameters: float32 or bfloat16.",
    of: { base: "float32" },
  },
  patience: {
    value: "times:integer",
    rule: positiveOrMinusOne,
    words: "Stop once bpb was not lower so many times, and keep the best; -1 never.",
    of: { sft: -1 },
  },
  chatcoreEvery: {
    value: "steps:integer",
    rule: positiveOrMinusOne,
    words: "Steps between ChatCORE evaluations; -1 never.",
    of: { sft: 200 },
  },
  chatcoreMaxCat: {
    value: "problems:integer",
    rule: positiveOrMinusOne,
    words: "Most problems per categorical task; -1 is all.",
    of: { sft: -1 },
  },
  chatcoreMaxSample: {
    value: "problems:integer",
    rule: positiveOrMinusOne,
    words: "Most problems per generative task; -1 is all.",
    of: { sft: 24 },
  },
  tasks: {
    value: "names:string",
    words: "Tasks to measure on, such as ARC-Easy|GSM8K.",
    of: { eval: absent("the recipe's") },
  },
  numSamples: {
    value: "answers:integer",
    rule: positive,
    words: "Answers per problem, of which one must be right.",
    of: { eval: 1 },
  },
  batchSize: {
    value: "problems:integer",
    rule: positive,
    words: "Problems in a batch.",
    of: { eval: 8 },
  },
  maxProblems: {
    value: "problems:integer",
    rule: positiveOrMinusOne,
    words: "Problems per task; -1 is all.",
    of: { eval: -1 },
  },
} as const satisfies Record<string, Flag>;
