/**
 * A batch on the device: its tokens, its counted targets, and its rows grouped by token and, where
 * the model embeds them, by bigram.
 *
 * @module
 */
import type { Tensor, TokenGroups } from "../device/mod.ts";
import type { Arena } from "./arena.ts";
import { bigramRows, tableRows } from "./config.ts";
import { BIGRAM_TABLE } from "./embed.ts";
import type { GPT } from "./gpt.ts";
import { type RowsOfTokens, startsOf } from "./starts.ts";
import { TableRows } from "./table_rows.ts";
import { bigramRowsOf } from "./touched_rows.ts";

/** The inputs of a pass, written once per micro-batch. */
export class DeviceBatch {
  /** The tokens. */
  readonly tokens: TableRows;
  /** Which row of the table of bigrams each takes, where there is one. */
  readonly bigrams: TableRows | undefined;
  /** int32 (B, T) Where the conversation of each token begins, where they are isolated. */
  readonly starts: Tensor | undefined;
  /** int32 (N) The rows that have a target; only the first {@link count} are meant. */
  readonly index: Tensor;
  /** int32 (N) Their targets. */
  readonly targets: Tensor;
  /** (N) Their weights in a weighted sum of losses. */
  readonly weights: Tensor;
  /** Number of rows that have a target. */
  count = 0;
  readonly #model: GPT;

  /** Plans memory for B rows, N tokens in all; `training` adds the grouping by token. */
  constructor(
    model: GPT,
    arena: Arena,
    B: number,
    private readonly rows: RowsOfTokens,
    training: boolean,
  ) {
    this.#model = model;
    const { config, parts } = model, { T, separator } = rows, N = B * T;
    const rowsOf = (name: string, table: string, length: number) => {
      const { gradientRows } = model.parameters.get(table)!;
      return new TableRows(arena, name, length, N, training, gradientRows);
    };
    this.tokens = rowsOf("token", "transformer.wte.weight", tableRows(config, parts));
    if (parts.bigram) this.bigrams = rowsOf("bigram", BIGRAM_TABLE, bigramRows(config));
    if (separator !== undefined) {
      this.starts = arena.tensor("starts of conversations", [B, T], "int32");
    }
    this.index = arena.tensor("rows with a target", [N], "int32");
    this.targets = arena.tensor("targets", [N], "int32");
    this.weights = arena.tensor("target weights", [N]);
  }

  /** int32 (N) Tokens. */
  get ids(): Tensor {
    return this.tokens.ids;
  }

  /** The rows grouped by token. */
  get groups(): TokenGroups {
    return this.tokens.groups;
  }

  /**
   * Writes a batch.
   *
   * @param x (N) Tokens.
   * @param y (N) Targets, −1 where there is none; absent when no loss is wanted.
   * @param weightOf Weight of a target in {@link Pass.evaluate}'s sum, 1 unless given.
   */
  write(x: Int32Array, y?: Int32Array, weightOf: (target: number) => number = () => 1): void {
    const { device } = this.#model;
    this.tokens.write(x);
    const { rows, bigrams, starts } = this;
    bigrams?.write(bigramRowsOf(x, rows, bigrams.tableLength));
    if (starts) device.write(starts, startsOf(x, rows));
    const index = Int32Array.from(y?.keys() ?? []).filter((row) => y![row] >= 0);
    this.count = index.length;
    if (this.count === 0) return;
    const targets = index.map((row) => y![row]);
    device.write(this.index, index);
    device.write(this.targets, targets);
    device.write(this.weights, Float32Array.from(targets, weightOf));
  }
}
