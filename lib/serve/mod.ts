/**
 * Answering requests over HTTP: OpenAI's, nanochat's former ones, and those of a chat page.
 *
 * @module
 */
export { runServe, type ServeIo, type ServeOptions } from "./run.ts";
export type { AnswerDefaults } from "./service.ts";
