/**
 * Measuring a model: bits per byte on held-out text, and ChatCORE.
 *
 * @module
 */
export { bitsPerByte, type EvaluationBatch } from "./bits_per_byte.ts";
export { type Choice, chooseLetters } from "./categorical.ts";
export {
  CHATCORE_TASKS,
  chatcoreMetrics,
  type ChatcoreOptions,
  type ChatcoreTask,
  evaluateChatcore,
  loadChatcoreTasks,
} from "./chatcore.ts";
export {
  evaluateTask,
  ownProblems,
  type Score,
  type TaskEvaluationOptions,
  tryTask,
} from "./evaluate_task.ts";
export { complete, type CompletionOptions, type Completions } from "./generative.ts";
