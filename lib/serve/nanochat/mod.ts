/**
 * nanochat's own form of requests and responses.
 *
 * @module
 */
export { detailResponse, nanochatCompletion } from "./chat_completion.ts";
