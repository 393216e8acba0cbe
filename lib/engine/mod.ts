/**
 * Token-by-token generation: tool use, and the sandboxes that evaluate what a model writes.
 *
 * @module
 */

export { calculate } from "./calculator.ts";
export { Engine, type EngineOptions, type GenerateOptions } from "./engine.ts";
export { PythonSandbox, type PythonSandboxOptions } from "./python_sandbox.ts";
export type { PythonResult } from "./python/process.ts";
export { type SamplingOptions, samplingOptions } from "./sampling.ts";
export { ToolUse, type ToolUseStep, type ToolUseTokenizer } from "./tool_use.ts";
