/**
 * Looking at what a run works with: a checkpoint, a conversation's tokens, how a mixture packs, the
 * recipes.
 *
 * @module
 */
export { inspectCheckpoint, type InspectOptions } from "./checkpoint.ts";
export { inspectConversation } from "./conversation.ts";
export { inspectPacking, type PackingOptions } from "./packing.ts";
export { inspectRecipes } from "./recipes.ts";
