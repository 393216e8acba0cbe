/**
 * Supervised fine-tuning of nanochat language models, native to Deno.
 *
 * Run as a program it is the command line: `deno run -A jsr:@nanochat/sft --help`. Imported, it
 * gives what the commands do and their options, and every part of the package by its name: what is
 * `@nanochat/sft/tokenizer` alone is `tokenizer` here (`eval` is `evaluation`, `checkpoint/disk` is
 * `disk`).
 *
 * @module
 */

export * as base from "./lib/base/mod.ts";
export * as checkpoint from "./lib/checkpoint/mod.ts";
export * as dataloader from "./lib/dataloader/mod.ts";
export * as disk from "./lib/checkpoint/disk/mod.ts";
export * as device from "./lib/device/mod.ts";
export * as engine from "./lib/engine/mod.ts";
export * as sandbox from "./lib/engine/sandbox/mod.ts";
export * as evaluation from "./lib/eval/mod.ts";
export * as model from "./lib/model/mod.ts";
export * as optim from "./lib/optim/mod.ts";
export * as ranks from "./lib/ranks/mod.ts";
export * as mpi from "./lib/ranks/mpi/mod.ts";
export * as random from "./lib/random/mod.ts";
export * as tasks from "./lib/tasks/mod.ts";
export * as tokenizer from "./lib/tokenizer/mod.ts";
export * as training from "./lib/training/mod.ts";
export * as tracking from "./lib/tracking/mod.ts";
export * as jsonl from "./lib/tracking/jsonl.ts";
export { baseOptions, chatOptions, evalOptions, sftOptions } from "./cli/options.ts";
export * from "./lib/conversation.ts";
export * from "./lib/errors.ts";
export * from "./lib/chat/mod.ts";
export * from "./lib/export/mod.ts";
export * from "./lib/inspect/mod.ts";
export * from "./lib/sft/mod.ts";
export {
  type EvalOptions,
  type ModelOptions,
  type OpenedModel,
  openModel,
  runEval,
  type RunIo,
  type RunProgress,
} from "./lib/training/mod.ts";

if (import.meta.main) {
  const { main } = await import("./cli.ts");
  // What was broken off, such as a download, does not keep the program from ending.
  Deno.exit(await main(Deno.args));
}
