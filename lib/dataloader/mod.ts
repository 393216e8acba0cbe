/**
 * Packs conversations into the rows of training batches: best fit, padded and never split, with
 * targets only where the assistant speaks.
 *
 * @example
 * ```ts
 * import { PackedLoader } from "@nanochat/sft/dataloader";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = {
 *   length: 2,
 *   get: () => ({ messages: [{ role: "user" as const, content: "Hi" }] }),
 * };
 * const render = () => ({ ids: [0, 5, 6], mask: [0, 0, 1] });
 * const loader = new PackedLoader(dataset, { B: 1, T: 6, render, bosId: 0 });
 * const { x, y, padding, done } = loader.next();
 * assertEquals([...x], [0, 5, 6, 0, 5, 6]);
 * assertEquals([...y], [-1, 6, -1, -1, 6, -1]);
 * assertEquals([padding, done], [1, true]);
 * ```
 *
 * @module
 */

export type { ContentPart, Conversation, Message } from "../conversation.ts";
export { dealt } from "./dealt.ts";
export {
  type ConversationDataset,
  type PackedBatch,
  PackedLoader,
  type PackedLoaderOptions,
  type PackedLoaderState,
  type Render,
} from "./packed_loader.ts";
export { fitToRow, type Rendered, type RowFit } from "./row_fit.ts";
export { type PackingStats, packingStats } from "./packing_stats.ts";
