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
import { TRAIN_MIXTURE } from "../lib/tasks/mod.ts";
import { RECIPE_NAMES } from "../lib/training/mod.ts";
import { type Absent, absent, type CommandName, type Flag, type ValueOf } from "./flag.ts";
import {
  count,
  evenSize,
  fraction,
  modelTag,
  notEmpty,
  oneOf,
  positive,
  positiveFraction,
  positiveNumber,
  positiveOrMinusOne,
  rate,
  windowLetters,
} from "./flag_rules.ts";

/** The same default in every command that opens a device. */
const inModelCommands = <Default>(value: Default) => (
  { sft: value, base: value, chat: value, eval: value, inspect: value }
);

/** What files may not tell of a model that a command opens. */
const FROM_CHECKPOINT = {
  sft: absent("from checkpoint"),
  chat: absent("from checkpoint"),
  eval: absent("from checkpoint"),
  inspect: absent("from checkpoint"),
  export: absent("from checkpoint"),
};

/** Every flag under its heading, in the order of the help; `maxSeqLen` is `--max-seq-len`. */
export const FLAGS = {
  "What is shown": {
    conversation: {
      value: "file:string",
      rule: notEmpty("a file, or file:number"),
      words: "Show the tokens of a conversation of this file; file:number.",
      of: { inspect: absent("a checkpoint is shown") },
    },
    packing: {
      words: "Pack the training mixture and count.",
      of: { inspect: false },
    },
  },
  "Other programs": {
    hf: {
      value: "folder:string",
      rule: notEmpty("the path of a folder"),
      words: "Folder of Hugging Face's transformers.",
      of: { export: absent(""), import: absent("") },
    },
    safetensors: {
      value: "file:string",
      rule: notEmpty("the path of a file"),
      words: "File of safetensors, with nanochat's names.",
      of: { export: absent("") },
    },
    nanochat: {
      value: "folder:string",
      rule: notEmpty("the path of a folder"),
      words: "Base directory that nanochat opens.",
      of: { export: absent("") },
    },
    dtype: {
      value: "name:string",
      rule: oneOf("float32", "bfloat16", "float16"),
      words: "Type of the weights: float32, bfloat16 or float16.",
      of: { export: absent("each as in the checkpoint") },
    },
  },
  Model: {
    source: {
      value: "kind:string",
      rule: oneOf("base", "mid", "sft", "rl"),
      words: "Kind of model to open: base, mid, sft or rl.",
      of: {
        sft: "base",
        chat: "sft",
        eval: "sft",
        inspect: "base",
        export: "sft",
        import: absent("what the folder says"),
        pull: absent("every kind there is"),
      },
    },
    hub: {
      value: "repository:string",
      words: "Model of the Hugging Face hub, OWNER/NAME, fetched first.",
      of: { chat: absent("one of this computer") },
    },
    modelTag: {
      value: "tag:string",
      rule: modelTag,
      words: "Folder of the checkpoint, such as d12.",
      of: {
        sft: absent("the deepest"),
        base: absent("d and the depth"),
        chat: absent("the deepest"),
        eval: absent("the deepest"),
        inspect: absent("the deepest"),
        export: absent("the deepest"),
      },
    },
    tag: {
      value: "tag:string",
      rule: modelTag,
      words: "Folder that the model gets; of several there, the one meant.",
      of: { import: absent("what the folder says, else its name"), pull: absent("the deepest") },
    },
    modelStep: {
      value: "step:integer",
      rule: count,
      words: "Step of the checkpoint to begin with.",
      of: { sft: absent("the last") },
    },
    step: {
      value: "step:integer",
      rule: count,
      words: "Step of the checkpoint.",
      of: {
        chat: absent("the last"),
        eval: absent("the last"),
        inspect: absent("the last"),
        pull: absent("the last"),
        export: absent("the last"),
      },
    },
    softcap: {
      value: "cap:number",
      rule: positiveNumber,
      words: "Cap of the logits, 15 or 20, where the files do not tell.",
      of: FROM_CHECKPOINT,
    },
    weights: {
      value: "type:string",
      rule: oneOf("float32", "bfloat16"),
      words: "How weights are kept: float32, or bfloat16 on the CPU device.",
      of: {
        chat: absent("bfloat16 over 1 GiB"),
        eval: absent("bfloat16 over 1 GiB"),
      },
    },
    loadOptimizer: {
      value: "switch:integer",
      isSwitch: true,
      words: "1 warm-starts the optimizer from the checkpoint, 0 does not.",
      of: { sft: true },
    },
    optimizer: {
      words: "Fetch the optimizer's state too: twice as large as the model.",
      of: { pull: false },
    },
    resume: {
      words: "Go on with the newest run, with all it was told.",
      of: { sft: false },
    },
    depth: {
      value: "blocks:integer",
      rule: positive,
      words: "Blocks.",
      of: { base: 4 },
    },
    aspectRatio: {
      value: "channels:integer",
      rule: positive,
      words: "Width per block.",
      of: { base: 64 },
    },
    headDim: {
      value: "channels:integer",
      rule: evenSize,
      words: "Size of a head.",
      of: { base: 128 },
    },
    windowPattern: {
      value: "letters:string",
      rule: windowLetters,
      words: "L full or S short attention, per layer.",
      of: { base: "SSSL", ...FROM_CHECKPOINT },
    },
  },
  "Length and batches": {
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
    totalBatchSize: {
      value: "tokens:integer",
      rule: positive,
      words: "Tokens in an optimizer step.",
      of: { sft: absent("from checkpoint"), base: 8192 },
    },
  },
  "Learning rates": {
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
  },
  "Evaluation and saving": {
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
  },
  Answers: {
    prompt: {
      value: "text:string",
      none: "", // as in nanochat
      words: "Answer this and leave.",
      of: { chat: absent("a conversation") },
    },
    temperature: {
      value: "number:number",
      rule: rate,
      words: "How freely tokens are sampled; 0 takes the most likely.",
      of: { chat: 0.6, eval: 0 },
    },
    topK: {
      value: "tokens:integer",
      rule: count,
      words: "Sample from so many tokens; 0 from all.",
      of: { chat: 50, eval: 50 },
    },
    topP: {
      value: "share:number",
      rule: positiveFraction,
      words: "Sample from the likeliest that have this share.",
      of: { chat: 1 },
    },
    minP: {
      value: "share:number",
      rule: fraction,
      words: "Least probability, as a share of the likeliest's.",
      of: { chat: 0 },
    },
    maxNewTokens: {
      value: "tokens:integer",
      rule: positive,
      words: "Most tokens of an answer.",
      of: { chat: 256, eval: 512 },
    },
  },
  Data: {
    recipe: {
      value: "name:string",
      rule: oneOf(...RECIPE_NAMES),
      words: "Mixture, tasks and Muon as nanochat has them: may2026 or newest.",
      of: { sft: RECIPE_NAMES[0], eval: RECIPE_NAMES[0], inspect: RECIPE_NAMES[0] },
      // Shows all of them, unless it says what is packed.
      alone: ["inspect"],
    },
    mmluEpochs: {
      value: "times:integer",
      rule: count,
      words: "Times MMLU is in the mixture.",
      of: { sft: TRAIN_MIXTURE.mmluEpochs, inspect: TRAIN_MIXTURE.mmluEpochs },
    },
    gsm8kEpochs: {
      value: "times:integer",
      rule: count,
      words: "Times GSM8K is in the mixture.",
      of: { sft: TRAIN_MIXTURE.gsm8kEpochs, inspect: TRAIN_MIXTURE.gsm8kEpochs },
    },
    simpleSpellingSize: {
      value: "rows:integer",
      rule: count,
      words: "Rows of SimpleSpelling in the mixture.",
      of: { sft: absent("the recipe's"), inspect: absent("the recipe's") },
    },
    spellingBeeSize: {
      value: "rows:integer",
      rule: count,
      words: "Rows of SpellingBee in the mixture.",
      of: { sft: absent("the recipe's"), inspect: absent("the recipe's") },
    },
    data: {
      value: "file:string",
      isRepeatable: true,
      words: "Add own conversations (JSONL); file:epochs; repeatable.",
      of: { sft: [], inspect: [] },
    },
    mixture: {
      value: "file:string",
      rule: notEmpty("the path of a file"),
      words: "Mix what this JSON file says instead.",
      of: { sft: absent("the recipe's"), inspect: absent("the recipe's") },
    },
    vocabSize: {
      value: "tokens:integer",
      words: "Tokens, bytes and special tokens included.",
      of: { "tok-train": 32768 },
    },
    maxChars: {
      value: "characters:integer",
      rule: positive,
      words: "Characters read at most.",
      of: { "tok-train": 2_000_000_000 },
    },
    out: {
      value: "folder:string",
      rule: notEmpty("the path of a folder"),
      words: "Where to write.",
      of: { "tok-train": absent("tokenizer in the base directory") },
    },
  },
  "Device and output": {
    seed: {
      value: "number:integer",
      rule: count,
      words: "Decides what is drawn at random.",
      of: { chat: 42, base: 42 },
    },
    deviceType: {
      value: "name:string",
      rule: oneOf("webgpu", "cpu"),
      none: "", // as in nanochat
      words: "webgpu or cpu.",
      of: inModelCommands(absent("a GPU if there is one")),
    },
    threads: {
      value: "count:integer",
      rule: positive,
      words: "Threads of the CPU device.",
      of: inModelCommands(absent("one per core")),
    },
    blas: {
      value: "library:string",
      rule: notEmpty("auto, off or the path of a library"),
      words: "BLAS of the CPU device: auto, off or a file.",
      of: inModelCommands("off"),
    },
    run: {
      value: "name:string",
      rule: notEmpty("a name"),
      words: "Name of the run, kept with its metrics.",
      of: { sft: "dummy" },
    },
    json: {
      words: "Print one JSON object instead of a table.",
      of: { eval: false },
    },
    markdown: {
      words: "Print a Markdown table.",
      of: { eval: false },
    },
    quiet: {
      words: "Print only results and warnings.",
      of: {
        sft: false,
        base: false,
        chat: false,
        eval: false,
        pull: false,
        "tok-train": false,
        export: false,
        import: false,
      },
    },
  },
} as const satisfies Record<string, Record<string, Flag>>;

/** The flags of a command with their names and headings, in the order of the help. */
export function flagsOf(command: CommandName): { name: string; heading: string; flag: Flag }[] {
  return Object.entries(FLAGS).flatMap(([heading, flags]) =>
    Object.entries<Flag>(flags)
      .filter(([, { of }]) => command in of)
      .map(([name, flag]) => ({ name, heading, flag }))
  );
}

type Headings = typeof FLAGS;
/** The flags under all headings. */
type Flags = { [Heading in keyof Headings]: Headings[Heading] }[keyof Headings];
/** The flag of a name. */
type FlagNamed<Name extends string> = Extract<Flags, Record<Name, Flag>>[Name];
type Name = Flags extends infer Group ? Group extends unknown ? keyof Group & string : never
  : never;

/** The values of a command's flags by name. */
export type FlagValues<Command extends CommandName> = {
  [N in Name as Command extends keyof FlagNamed<N>["of"] ? N : never]:
    | ValueOf<FlagNamed<N>>
    | (FlagNamed<N>["of"] extends { readonly [C in Command]: Absent } ? undefined : never);
};
