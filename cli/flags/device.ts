/**
 * Flags of devices and of what is printed.
 *
 * @module
 */
import { absent, type Flag } from "../flag.ts";
import { count, notEmpty, oneOf, positive } from "../flag_rules.ts";

/** The same default in every command that opens a device. */
const inModelCommands = <Default>(value: Default) => (
  { sft: value, base: value, chat: value, serve: value, eval: value, inspect: value }
);

/** Where a program computes, and what it prints. */
export const DEVICE_AND_OUTPUT = {
  seed: {
    value: "number:integer",
    rule: count,
    words: "Decides what is drawn at random.",
    of: { chat: 42, base: 42 },
  },
  nproc: {
    value: "count:integer",
    rule: positive,
    words: "Processes that work together, started with mpirun.",
    of: { sft: absent("one"), base: absent("one"), eval: absent("one") },
  },
  reduceDtype: {
    value: "type:string",
    rule: oneOf("float32", "bfloat16"),
    words: "Type in which processes send each other gradients.",
    of: { sft: "float32", base: "float32" },
  },
  deviceType: {
    value: "name:string",
    rule: oneOf("webgpu", "cpu"),
    none: "", // as in nanochat
    words: "webgpu or cpu.",
    of: inModelCommands(absent("a GPU if there is one")),
  },
  webgpu: {
    value: "name:string",
    rule: oneOf("deno", "dawn"),
    words: "Whose WebGPU: Deno's, or Dawn's, which uses a GPU's matrix units (npm:webgpu).",
    of: inModelCommands("deno"),
  },
  dtype: {
    value: "type:string",
    rule: oneOf("float32", "bfloat16", "float16"),
    variable: "NANOCHAT_DTYPE",
    words: "Type to compute in: float32, or on a GPU bfloat16 or float16.",
    of: inModelCommands(absent("NANOCHAT_DTYPE, else bfloat16 on a graphics card")),
  },
  retune: {
    words: "Measure a graphics card anew, although it is known from before.",
    of: inModelCommands(false),
  },
  threads: {
    value: "count:integer",
    rule: positive,
    words: "Threads of the CPU device.",
    of: inModelCommands(absent("one per core, divided among a machine's processes")),
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
      serve: false,
      eval: false,
      pull: false,
      "tok-train": false,
      export: false,
      import: false,
    },
  },
} as const satisfies Record<string, Flag>;
