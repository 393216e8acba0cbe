/**
 * The table of flags: name, kind, allowed values, defaults, words and group of each, once.
 *
 * From it come the parser's options, the checks and their errors, the defaults, the help, the
 * tables of `docs/flags.md` and, with them, the `user_config` of a checkpoint's meta file. A flag
 * that commands share is one entry. To add one: an entry here, and the place that reads it, which
 * declares it among its options.
 *
 * @module
 */
import { isModelTag } from "../lib/checkpoint/mod.ts";
import { TRAIN_MIXTURE } from "../lib/tasks/mod.ts";
import {
  count,
  evenSize,
  type FlagRule,
  fraction,
  notEmpty,
  oneOf,
  positive,
  positiveFraction,
  positiveOrMinusOne,
  rate,
  windowLetters,
} from "./flag_rules.ts";

/** The commands, as a person writes them. */
export type CommandName = "sft" | "chat" | "eval" | "inspect" | "tok-train" | "base";

/** What a flag is when it is left out, in words: its value is undefined then. */
export interface Absent {
  /** What is taken instead. */
  absent: string;
}

/** A flag. Its name is its key in {@link FLAGS}: `maxSeqLen` is `--max-seq-len`. */
export interface Flag {
  /** The value's name in the help, and its type; without one the flag is there or not. */
  value?: `${string}:${"integer" | "number" | "string"}`;
  /** Whether the values are 1 for yes and 0 for no. */
  isSwitch?: true;
  /** Whether it may be given several times. */
  isRepeatable?: true;
  /** A value that means none. */
  none?: string;
  /** Which values it takes. */
  // Each entry has a rule for its own type of value.
  rule?: FlagRule<never>;
  /** What it does, as one line. */
  words: string;
  /** The heading that it stands under. */
  group: FlagGroup;
  /** The commands that have it, each with its default. */
  of: { readonly [Command in CommandName]?: unknown };
}

/** Headings of the help, in order. */
export const FLAG_GROUPS = [
  "What is shown",
  "Model",
  "Length and batches",
  "Learning rates",
  "Evaluation and saving",
  "Answers",
  "Data",
  "Device and output",
] as const;
/** A heading of the help. */
export type FlagGroup = (typeof FLAG_GROUPS)[number];

const absent = (words: string): Absent => ({ absent: words });
const modelTag: FlagRule<string> = {
  wanted: "the name of a checkpoint's folder, such as d12",
  allows: isModelTag,
};

/** Every flag, in the order of the help. */
export const FLAGS = {
  conversation: {
    value: "file:string",
    words: "Show the tokens of a conversation of this file; file:number.",
    group: "What is shown",
    of: { inspect: absent("a checkpoint is shown") },
  },
  packing: {
    words: "Pack the training mixture and count.",
    group: "What is shown",
    of: { inspect: false },
  },

  source: {
    value: "kind:string",
    rule: oneOf("sft", "base"),
    words: "Whether a fine-tuned or a base model: sft or base.",
    group: "Model",
    of: { chat: "sft", eval: "sft", inspect: "base" },
  },
  modelTag: {
    value: "tag:string",
    rule: modelTag,
    words: "Folder of the checkpoint, such as d12.",
    group: "Model",
    of: {
      sft: absent("the deepest"),
      base: absent("d and the depth"),
      chat: absent("the deepest"),
      eval: absent("the deepest"),
      inspect: absent("the deepest"),
    },
  },
  modelStep: {
    value: "step:integer",
    rule: count,
    words: "Step of the base checkpoint.",
    group: "Model",
    of: { sft: absent("the last") },
  },
  step: {
    value: "step:integer",
    rule: count,
    words: "Step of the checkpoint.",
    group: "Model",
    of: { chat: absent("the last"), eval: absent("the last"), inspect: absent("the last") },
  },
  loadOptimizer: {
    value: "switch:integer",
    isSwitch: true,
    words: "1 warm-starts the optimizer from the base checkpoint, 0 does not.",
    group: "Model",
    of: { sft: true },
  },
  resume: {
    words: "Go on with the last fine-tuned checkpoint of the tag.",
    group: "Model",
    of: { sft: false },
  },
  depth: {
    value: "blocks:integer",
    rule: positive,
    words: "Blocks.",
    group: "Model",
    of: { base: 4 },
  },
  aspectRatio: {
    value: "channels:integer",
    rule: positive,
    words: "Width per block.",
    group: "Model",
    of: { base: 64 },
  },
  headDim: {
    value: "channels:integer",
    rule: evenSize,
    words: "Size of a head.",
    group: "Model",
    of: { base: 128 },
  },
  windowPattern: {
    value: "letters:string",
    rule: windowLetters,
    words: "L full or S short attention, per layer.",
    group: "Model",
    of: { base: "SSSL" },
  },

  numIterations: {
    value: "steps:integer",
    rule: positiveOrMinusOne,
    words: "Optimizer steps; -1 is one epoch.",
    group: "Length and batches",
    of: { sft: -1, base: -1 },
  },
  maxSeqLen: {
    value: "tokens:integer",
    rule: positive,
    words: "Tokens in a row.",
    group: "Length and batches",
    of: { sft: absent("from checkpoint"), base: 512, inspect: absent("from checkpoint") },
  },
  deviceBatchSize: {
    value: "rows:integer",
    rule: positive,
    words: "Rows in a micro-batch.",
    group: "Length and batches",
    of: { sft: absent("from checkpoint"), base: 8 },
  },
  totalBatchSize: {
    value: "tokens:integer",
    rule: positive,
    words: "Tokens in an optimizer step.",
    group: "Length and batches",
    of: { sft: absent("from checkpoint"), base: 8192 },
  },

  embeddingLr: {
    value: "rate:number",
    rule: rate,
    words: "Learning rate of the embeddings.",
    group: "Learning rates",
    of: { sft: absent("from checkpoint"), base: 0.3 },
  },
  unembeddingLr: {
    value: "rate:number",
    rule: rate,
    words: "Learning rate of the output layer.",
    group: "Learning rates",
    of: { sft: absent("from checkpoint"), base: 0.008 },
  },
  matrixLr: {
    value: "rate:number",
    rule: rate,
    words: "Learning rate of the matrices.",
    group: "Learning rates",
    of: { sft: absent("from checkpoint"), base: 0.02 },
  },
  weightDecay: {
    value: "rate:number",
    rule: rate,
    words: "Weight decay of the matrices.",
    group: "Learning rates",
    of: { base: 0.05 },
  },
  initLrFrac: {
    value: "fraction:number",
    rule: rate,
    words: "First learning rate as a fraction of the base one.",
    group: "Learning rates",
    of: { sft: 0.8 },
  },
  warmupRatio: {
    value: "share:number",
    rule: fraction,
    words: "Share of the run in which the learning rate rises.",
    group: "Learning rates",
    of: { sft: 0, base: 0.02 },
  },
  warmdownRatio: {
    value: "share:number",
    rule: fraction,
    words: "Share of the run in which the learning rate falls.",
    group: "Learning rates",
    of: { sft: 0.5, base: 0.65 },
  },
  finalLrFrac: {
    value: "fraction:number",
    rule: rate,
    words: "Last learning rate as a fraction of the first.",
    group: "Learning rates",
    of: { sft: 0, base: 0.05 },
  },

  evalEvery: {
    value: "steps:integer",
    rule: positiveOrMinusOne,
    words: "Steps between measurements of bpb; -1 only at the end.",
    group: "Evaluation and saving",
    of: { sft: 200, base: 250 },
  },
  evalTokens: {
    value: "tokens:integer",
    rule: positive,
    words: "Tokens measured for bpb.",
    group: "Evaluation and saving",
    of: { sft: 40 * 524288, base: 131072 },
  },
  saveEvery: {
    value: "steps:integer",
    rule: positiveOrMinusOne,
    words: "Steps between checkpoints; -1 only at the end.",
    group: "Evaluation and saving",
    of: { sft: -1, base: -1 },
  },
  saveDtype: {
    value: "type:string",
    rule: oneOf("float32", "bfloat16"),
    words: "Type of the saved parameters: float32 or bfloat16.",
    group: "Evaluation and saving",
    of: { base: "float32" },
  },
  chatcoreEvery: {
    value: "steps:integer",
    rule: positiveOrMinusOne,
    words: "Steps between ChatCORE evaluations; -1 never.",
    group: "Evaluation and saving",
    of: { sft: 200 },
  },
  chatcoreMaxCat: {
    value: "problems:integer",
    rule: positiveOrMinusOne,
    words: "Most problems per categorical task; -1 is all.",
    group: "Evaluation and saving",
    of: { sft: -1 },
  },
  chatcoreMaxSample: {
    value: "problems:integer",
    rule: positiveOrMinusOne,
    words: "Most problems per generative task; -1 is all.",
    group: "Evaluation and saving",
    of: { sft: 24 },
  },
  tasks: {
    value: "names:string",
    words: "Tasks to measure on, such as ARC-Easy|GSM8K.",
    group: "Evaluation and saving",
    of: { eval: absent("all six") },
  },
  numSamples: {
    value: "answers:integer",
    rule: positive,
    words: "Answers per problem, of which one must be right.",
    group: "Evaluation and saving",
    of: { eval: 1 },
  },
  batchSize: {
    value: "problems:integer",
    rule: positive,
    words: "Problems in a batch.",
    group: "Evaluation and saving",
    of: { eval: 8 },
  },
  maxProblems: {
    value: "problems:integer",
    rule: positiveOrMinusOne,
    words: "Problems per task; -1 is all.",
    group: "Evaluation and saving",
    of: { eval: -1 },
  },

  prompt: {
    value: "text:string",
    words: "Answer this and leave.",
    group: "Answers",
    of: { chat: absent("a conversation") },
  },
  temperature: {
    value: "number:number",
    rule: rate,
    words: "How freely tokens are sampled; 0 takes the most likely.",
    group: "Answers",
    of: { chat: 0.6, eval: 0 },
  },
  topK: {
    value: "tokens:integer",
    rule: count,
    words: "Sample from so many tokens; 0 from all.",
    group: "Answers",
    of: { chat: 50, eval: 50 },
  },
  topP: {
    value: "share:number",
    rule: positiveFraction,
    words: "Sample from the likeliest that have this share.",
    group: "Answers",
    of: { chat: 1 },
  },
  minP: {
    value: "share:number",
    rule: fraction,
    words: "Least probability, as a share of the likeliest's.",
    group: "Answers",
    of: { chat: 0 },
  },
  maxNewTokens: {
    value: "tokens:integer",
    rule: positive,
    words: "Most tokens of an answer.",
    group: "Answers",
    of: { chat: 256, eval: 512 },
  },

  mmluEpochs: {
    value: "times:integer",
    rule: count,
    words: "Times MMLU is in the mixture.",
    group: "Data",
    of: { sft: TRAIN_MIXTURE.mmluEpochs, inspect: TRAIN_MIXTURE.mmluEpochs },
  },
  gsm8kEpochs: {
    value: "times:integer",
    rule: count,
    words: "Times GSM8K is in the mixture.",
    group: "Data",
    of: { sft: TRAIN_MIXTURE.gsm8kEpochs, inspect: TRAIN_MIXTURE.gsm8kEpochs },
  },
  simpleSpellingSize: {
    value: "rows:integer",
    rule: count,
    words: "Rows of SimpleSpelling in the mixture.",
    group: "Data",
    of: { sft: TRAIN_MIXTURE.simpleSpellingSize, inspect: TRAIN_MIXTURE.simpleSpellingSize },
  },
  spellingBeeSize: {
    value: "rows:integer",
    rule: count,
    words: "Rows of SpellingBee in the mixture.",
    group: "Data",
    of: { sft: TRAIN_MIXTURE.spellingBeeSize, inspect: TRAIN_MIXTURE.spellingBeeSize },
  },
  data: {
    value: "file:string",
    isRepeatable: true,
    words: "Add own conversations (JSONL); file:epochs; repeatable.",
    group: "Data",
    of: { sft: [], inspect: [] },
  },
  mixture: {
    value: "file:string",
    rule: notEmpty("the path of a file"),
    words: "Mix what this JSON file says instead.",
    group: "Data",
    of: { sft: absent("nanochat's"), inspect: absent("nanochat's") },
  },
  vocabSize: {
    value: "tokens:integer",
    words: "Tokens, bytes and special tokens included.",
    group: "Data",
    of: { "tok-train": 32768 },
  },
  maxChars: {
    value: "characters:integer",
    rule: positive,
    words: "Characters read at most.",
    group: "Data",
    of: { "tok-train": 2_000_000_000 },
  },
  out: {
    value: "folder:string",
    words: "Where to write.",
    group: "Data",
    of: { "tok-train": absent("tokenizer in the base directory") },
  },

  seed: {
    value: "number:integer",
    rule: count,
    words: "Decides what is drawn at random.",
    group: "Device and output",
    of: { chat: 42, base: 42 },
  },
  deviceType: {
    value: "name:string",
    rule: oneOf("webgpu", "cpu"),
    none: "", // as in nanochat
    words: "webgpu or cpu.",
    group: "Device and output",
    of: {
      sft: absent("a GPU if there is one"),
      base: absent("a GPU if there is one"),
      chat: absent("a GPU if there is one"),
      eval: absent("a GPU if there is one"),
    },
  },
  threads: {
    value: "count:integer",
    rule: positive,
    words: "Threads of the CPU device.",
    group: "Device and output",
    of: {
      sft: absent("one per core"),
      base: absent("one per core"),
      chat: absent("one per core"),
      eval: absent("one per core"),
    },
  },
  blas: {
    value: "library:string",
    rule: notEmpty("auto, off or the path of a library"),
    words: "BLAS of the CPU device: auto, off or a file.",
    group: "Device and output",
    of: { sft: "off", base: "off", chat: "off", eval: "off" },
  },
  run: {
    value: "name:string",
    rule: notEmpty("a name"),
    words: "Name of the run, kept with its metrics.",
    group: "Device and output",
    of: { sft: "dummy" },
  },
  json: {
    words: "Print one JSON object instead of a table.",
    group: "Device and output",
    of: { eval: false },
  },
  markdown: {
    words: "Print a Markdown table.",
    group: "Device and output",
    of: { eval: false },
  },
  quiet: {
    words: "Print only results and warnings.",
    group: "Device and output",
    of: { sft: false, base: false, chat: false, eval: false, "tok-train": false },
  },
} as const satisfies Record<string, Flag>;

/** The command line's spelling of a flag's name: `gsm8kEpochs` is `--gsm8k-epochs`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The flags of a command with their names, in the order of the help. */
export function flagsOf(command: CommandName): [name: string, flag: Flag][] {
  const flags = Object.entries<Flag>(FLAGS).filter(([, { of }]) => command in of);
  const place = ([, { group }]: [string, Flag]) => FLAG_GROUPS.indexOf(group);
  return flags.sort((a, b) => place(a) - place(b));
}

/** A flag's default at a command: undefined where it has none. */
export function defaultOf(flag: Flag, command: CommandName): unknown {
  const value = flag.of[command];
  return isAbsent(value) ? undefined : value;
}

/** What a flag is when it is left out, for a person: empty where it is just not there. */
export function defaultWords(flag: Flag, command: CommandName): string {
  const value = flag.of[command];
  if (isAbsent(value)) return value.absent;
  if (flag.isSwitch) return value ? "1" : "0";
  return value === false || flag.isRepeatable ? "" : String(value);
}

function isAbsent(value: unknown): value is Absent {
  return typeof value === "object" && value !== null && "absent" in value;
}

type Flags = typeof FLAGS;

/** The type of a flag's value. */
type ValueOf<F extends Flag> = F extends { isRepeatable: true } ? readonly string[]
  : F extends { isSwitch: true } ? boolean
  : F extends { value: `${string}:string` }
    ? F extends { rule: FlagRule<infer Word extends string> } ? Word : string
  : F extends { value: string } ? number
  : boolean;

/** The values of a command's flags by name. */
export type FlagValues<Command extends CommandName> = {
  [Name in keyof Flags as Command extends keyof Flags[Name]["of"] ? Name : never]:
    | ValueOf<Flags[Name]>
    | (Flags[Name]["of"] extends { readonly [C in Command]: Absent } ? undefined : never);
};
