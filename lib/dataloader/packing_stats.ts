import { type ConversationDataset, PackedLoader, type Render } from "./packed_loader.ts";

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
}

/**
 * Packs a dataset once and counts.
 *
 * @throws {UserError} If the dataset is empty.
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
 * const stats = packingStats(dataset, { T: 6, render, bosId: 0 });
 * assertEquals(stats.rows, 4);
 * assertEquals(stats.paddingShare, 1 / 7);
 * ```
 */
export function packingStats(
  dataset: ConversationDataset,
  { T, render, bosId }: { T: number; render: Render; bosId: number },
): PackingStats {
  const loader = new PackedLoader(dataset, { B: 1, T, render, bosId });
  let rows = 0;
  let padding = 0;
  let targets = 0;
  let cut = 0;
  let lostTokens = 0;
  while (true) {
    const batch = loader.next();
    rows++;
    padding += batch.padding;
    targets += batch.targets;
    cut += batch.cut;
    lostTokens += batch.lostTokens;
    if (!batch.done) continue;
    return {
      conversations: batch.consumed,
      rows,
      tokens: rows * T,
      paddingShare: padding / (rows * (T + 1)),
      trainedShare: targets / (rows * T),
      cut,
      lostTokens,
    };
  }
}
