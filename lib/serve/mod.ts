/**
 * Answering requests over HTTP: OpenAI's, nanochat's former ones, and those of a chat page.
 *
 * @module
 */
export type { GuardOptions } from "./guard.ts";
export type { ListenOptions } from "./listen.ts";
export { runServe, type ServeIo, type ServeOptions } from "./run.ts";
export type { AnswerDefaults } from "./service.ts";
