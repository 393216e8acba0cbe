/**
 * One fine-tuning run: mixture, packing, model, optimizer, evaluation, checkpoint.
 *
 * @module
 */

export { placeDemo } from "./demo.ts";
export type { RunIo } from "./io.ts";
export { type OpenedModel, openModel } from "./open_model.ts";
export { SFT_DEFAULTS, sftOptions } from "./options.ts";
export type { SftOptions } from "./options.ts";
export { runSft, type SftResult } from "./run.ts";
export {
  CHAT_DEFAULTS,
  type ChatIo,
  type ChatSettings,
  runChat,
  type RunChatOptions,
} from "./run_chat.ts";
export { EVAL_DEFAULTS, type EvalOptions, type EvalSettings, runEval } from "./run_eval.ts";
export { inspectCheckpoint, inspectConversation, inspectPacking } from "./run_inspect.ts";
export type { RunProgress } from "./training_loop.ts";
export type { ModelOptions } from "./with_model.ts";
