/**
 * Flags of data.
 *
 * @module
 */
import { TRAIN_MIXTURE } from "../../lib/tasks/mod.ts";
import { RECIPE_NAMES } from "../../lib/training/mod.ts";
import { absent, type Flag } from "../flag.ts";
import { count, fraction, notEmpty, oneOf, positive } from "../flag_rules.ts";

/** What is trained on. */
export const DATA = {
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
    words: "Add own conversations; file:epochs; repeatable.",
    of: { sft: [], inspect: [] },
  },
  dataOnly: {
    words: "Train on own conversations alone.",
    of: { sft: false, inspect: false },
  },
  dataMap: {
    value: "keys:string",
    rule: notEmpty("keys, such as messages=dialog,role=speaker"),
    words: "Other keys of own files: messages=dialog,role=speaker.",
    of: { sft: absent(""), inspect: absent("") },
  },
  dataMerge: {
    words: "Join messages that one role has in a row.",
    of: { sft: false, inspect: false },
  },
  validation: {
    value: "file:string",
    rule: notEmpty("the path of a file"),
    words: "Own conversations to measure bpb on.",
    of: { sft: absent("a share of the own ones"), inspect: absent("a share of the own ones") },
  },
  validationShare: {
    value: "share:number",
    rule: fraction,
    words: "Share of own conversations kept apart to measure bpb on.",
    of: {
      sft: absent("0.05; of a mixture file's 0"),
      inspect: absent("0.05; of a mixture file's 0"),
    },
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
} as const satisfies Record<string, Flag>;
