/**
 * Token-by-token generation with tool use, conversations, and the sandbox that runs what a model
 * writes.
 *
 * @module
 */

export { calculate } from "./calculator.ts";
export { type ChatEvent, type ChatOptions, ChatSession } from "./chat.ts";
export { Engine, type EngineOptions, type GenerateOptions } from "./engine.ts";
export { PythonSandbox, type PythonSandboxOptions } from "./python_sandbox.ts";
export type { PythonResult } from "./python/process.ts";
export { type SamplingOptions, samplingOptions } from "./sampling.ts";
export { ToolUse, type ToolUseStep, type ToolUseTokenizer } from "./tool_use.ts";
