/**
 * Talking with a checkpoint on a terminal.
 *
 * @module
 */
export type { AnswerOutput } from "./answer_printer.ts";
export { type ChatIo, type ChatSettings, runChat, type RunChatOptions } from "./run.ts";
