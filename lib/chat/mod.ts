/**
 * Talking with a checkpoint on a terminal.
 *
 * @module
 */
export { type ChatIo, type ChatSettings, runChat, type RunChatOptions } from "./run.ts";
