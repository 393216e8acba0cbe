/**
 * Looking at what a run works with: a checkpoint, a conversation's tokens, own conversations
 * before they are trained on, how a mixture packs, the recipes.
 *
 * @module
 */
export { type DataReport, dataReport } from "./data.ts";
export type { DataFault } from "./data_faults.ts";
export { inspectData, type InspectDataOptions } from "./own_data.ts";
export { printDataReport } from "./print_data.ts";
export { inspectCheckpoint, type InspectOptions } from "./checkpoint.ts";
export { inspectConversation } from "./conversation.ts";
export { inspectPacking, type PackingOptions } from "./packing.ts";
export { inspectRecipes } from "./recipes.ts";
