/**
 * Token-by-token generation with tool use, and conversations. Works in a browser; the sandbox that
 * runs the programs a model writes is `@nanochat/sft/engine/sandbox`.
 *
 * @module
 */

export { calculate } from "./calculator.ts";
export { type ChatEvent, type ChatOptions, ChatSession } from "./chat.ts";
export { type ContextRoom, turnsToDrop } from "./context_room.ts";
export { Engine, type EngineOptions, type GenerateOptions } from "./engine.ts";
export { PartDecoder } from "./part_decoder.ts";
export { partMark, readPartMarks } from "./part_marks.ts";
export { type SamplingOptions, samplingOptions } from "./sampling.ts";
export type {
  EngineUse,
  Sequence,
  SequenceEnd,
  SequenceEngine,
  SequenceOptions,
  SequenceStep,
  TokenLogprob,
} from "./sequence.ts";
export { ToolUse, type ToolUseStep, type ToolUseTokenizer } from "./tool_use.ts";
