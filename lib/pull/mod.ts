/**
 * Fetching models from the Hugging Face hub into a base directory.
 *
 * @module
 */

export type { Choice } from "./choose.ts";
export { type HubModel, pullForChat } from "./for_chat.ts";
export type { Selection } from "./models.ts";
export type { PulledModel } from "./placement.ts";
export { hubBaseDir, type PullIo, runPull } from "./run.ts";
export type { CheckImport, ImportModel } from "./transformers.ts";
