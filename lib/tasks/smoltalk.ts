import type { Conversation } from "../conversation.ts";
import { conversationOf } from "./forms/mod.ts";
import { convertRow, type Rows, shuffleRows } from "./rows.ts";
import type { DatasetSource } from "./source.ts";
import { Task, type TaskSlice } from "./task.ts";

/**
 * General conversations, the hub's `HuggingFaceTB/smol-smoltalk` (Allal et al., arXiv:2502.02737):
 * 460 thousand to train on and 24 thousand to test with. Rows: `messages`.
 */
export class SmolTalk extends Task {
  readonly #rows: Rows;

  /** Takes rows in the order to show them in; `load` shuffles them as nanochat does. */
  constructor(rows: Rows, slice?: TaskSlice) {
    super(slice);
    this.#rows = rows;
  }

  /**
   * Loads a split, shuffled.
   *
   * @throws {UserError} If the source does not have it.
   */
  static async load(
    source: DatasetSource,
    { split, ...slice }: TaskSlice & { split: "train" | "test" },
  ): Promise<SmolTalk> {
    const rows = await source.rows("HuggingFaceTB/smol-smoltalk", "default", split);
    return new SmolTalk(shuffleRows(rows), slice);
  }

  /** How many conversations the split has. */
  protected override get numExamples(): number {
    return this.#rows.length;
  }

  /** The rows. */
  protected override async source(): Promise<string | undefined> {
    return await this.#rows.checksum?.();
  }

  /** The row. */
  protected override place(index: number): string {
    return this.#rows.where(index);
  }

  /** One conversation of the dataset. */
  protected override example(index: number): Conversation {
    return convertRow(this.#rows, index, (row) => ({ messages: conversationOf(row).messages }));
  }
}
