import { pause } from "../pause.ts";
import {
  type ConversationDataset,
  PackedLoader,
  type PackedLoaderOptions,
} from "./packed_loader.ts";

/** How well a dataset fills its rows. */
export interface PackingStats {
  /** Conversations placed; a few more than the dataset has, to complete the last row. */
  conversations: number;
  /** Rows they filled. */
  rows: number;
  /** Tokens of all rows, T a row. */
  tokens: number;
  /** The share of the rows' places that is filling, 0 to 1. */
  paddingShare: number;
  /** The share of the tokens that is trained on, 0 to 1. */
  trainedShare: number;
  /** Conversations longer than a row, which were cut to it. */
  cut: number;
  /** Tokens lost by cutting. */
  lostTokens: number;
  /** Conversations left out, for no token of theirs is trained on within a row. */
  leftOut: number;
}

/**
 * Packs a dataset once and counts.
 *
 * @param options How it is packed, and what stops it.
 * @throws {UserError} If the dataset is empty, or has nothing to train on.
 * @throws The signal's reason, once it is aborted.
 *
 * @example
 * ```ts
 * import { packingStats } from "@nanochat/sft/dataloader";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = {
 *   length: 8,
 *   get: () => ({ messages: [{ role: "user" as const, content: "Hi" }] }),
 * };
 * const render = () => ({ ids: [0, 5, 6], mask: [0, 0, 1] });
 * const stats = await packingStats(dataset, { T: 6, render, bosId: 0 });
 * assertEquals(stats.rows, 4);
 * assertEquals(stats.paddingShare, 1 / 7);
 * ```
 */
export async function packingStats(
  dataset: ConversationDataset,
  options: Pick<PackedLoaderOptions, "T" | "render" | "bosId" | "tokenBytes"> & {
    signal?: AbortSignal;
  },
): Promise<PackingStats> {
  const { signal, ...packing } = options;
  const { T } = packing;
  const loader = new PackedLoader(dataset, { ...packing, B: 1 });
  const placed = new Set<number>();
  let rows = 0;
  let conversations = 0;
  let padding = 0;
  let targets = 0;
  let cut = 0;
  let lostTokens = 0;
  for (let done = false; !done;) {
    const batch = loader.next();
    rows++;
    conversations += batch.conversations.length;
    for (const index of batch.conversations) placed.add(index);
    padding += batch.padding;
    targets += batch.targets;
    cut += batch.cut;
    lostTokens += batch.lostTokens;
    done = batch.done;
    await pause(signal);
  }
  return {
    conversations,
    rows,
    tokens: rows * T,
    paddingShare: padding / (rows * (T + 1)),
    trainedShare: targets / (rows * T),
    cut,
    lostTokens,
    leftOut: dataset.length - placed.size,
  };
}
