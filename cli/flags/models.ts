/**
 * Flags that say what is looked at, carried over or opened.
 *
 * @module
 */
import { absent, type Flag } from "../flag.ts";
import {
  count,
  evenSize,
  modelTag,
  notEmpty,
  oneOf,
  positive,
  positiveNumber,
  windowLetters,
} from "../flag_rules.ts";

/** What files may not tell of a model that a command opens. */
const FROM_CHECKPOINT = {
  sft: absent("from checkpoint"),
  chat: absent("from checkpoint"),
  serve: absent("from checkpoint"),
  eval: absent("from checkpoint"),
  inspect: absent("from checkpoint"),
  export: absent("from checkpoint"),
};

/** What `inspect` shows. */
export const WHAT_IS_SHOWN = {
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
} as const satisfies Record<string, Flag>;

/** What is written for other programs, and taken from them. */
export const OTHER_PROGRAMS = {
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
} as const satisfies Record<string, Flag>;

/** Which model, and what of it its files do not say. */
export const MODEL = {
  source: {
    value: "kind:string",
    rule: oneOf("base", "mid", "sft", "rl"),
    words: "Kind of model to open: base, mid, sft or rl.",
    of: {
      sft: "base",
      chat: "sft",
      serve: "sft",
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
    of: { chat: absent("one of this computer"), serve: absent("one of this computer") },
  },
  modelTag: {
    value: "tag:string",
    rule: modelTag,
    words: "Folder of the checkpoint, such as d12.",
    of: {
      sft: absent("the deepest"),
      base: absent("d and the depth"),
      chat: absent("the deepest"),
      serve: absent("the deepest"),
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
      serve: absent("the last"),
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
    rule: oneOf("float32", "bfloat16", "float16"),
    words: "How weights are kept: float32, bfloat16, or float16 on a GPU.",
    of: {
      chat: absent("as --dtype; on the CPU bfloat16 over 1 GiB"),
      serve: absent("as --dtype; on the CPU bfloat16 over 1 GiB"),
      eval: absent("as --dtype; on the CPU bfloat16 over 1 GiB"),
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
} as const satisfies Record<string, Flag>;
