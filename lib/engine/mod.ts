/**
 * Token-by-token generation: tool use, and the sandboxes that evaluate what a model writes.
 *
 * @module
 */

export { calculate } from "./calculator.ts";
export { ToolUse, type ToolUseStep, type ToolUseTokenizer } from "./tool_use.ts";
