/**
 * Which rows of an embedding's table a batch takes, and for training the batch grouped by them.
 *
 * @module
 */
import type { Device, Tensor, TokenGroups } from "../device/mod.ts";
import { groupTokens } from "../device/token_groups.ts";
import type { Arena } from "./arena.ts";
import type { GradientRows } from "./gradient_rows.ts";

/** A row of a table for each row of a batch. */
export class TableRows {
  /** int32 (N) The table's rows. */
  readonly ids: Tensor;
  readonly #device: Device;
  readonly #gradientRows: GradientRows | undefined;
  readonly #groups: TokenGroups | undefined;

  /**
   * Plans memory for N rows.
   *
   * @param name What a row of the table is of, in one word.
   * @param tableLength How many rows the table has.
   * @param training Whether they are grouped.
   * @param gradientRows Where the table's gradient has its rows, if it has fewer.
   */
  constructor(
    arena: Arena,
    name: string,
    readonly tableLength: number,
    N: number,
    training: boolean,
    gradientRows?: GradientRows,
  ) {
    this.#device = arena.device;
    this.#gradientRows = gradientRows;
    this.ids = arena.tensor(`${name}s`, [N], "int32");
    if (!training) return;
    this.#groups = {
      tokens: arena.tensor(`distinct ${name}s`, [N], "int32"),
      starts: arena.tensor(`starts of distinct ${name}s`, [N + 1], "int32"),
      rows: arena.tensor(`rows by ${name}`, [N], "int32"),
      count: 0,
    };
  }

  /** The batch's rows grouped by the table's, of which each has its row of the gradient. */
  get groups(): TokenGroups {
    if (!this.#groups) throw new Error("the batch was made for inference");
    return this.#groups;
  }

  /** Writes the table's rows (N). */
  write(ids: Int32Array): void {
    this.#device.write(this.ids, ids);
    if (!this.#groups) return;
    const groups = groupTokens(ids, this.tableLength);
    const tokens = this.#gradientRows?.of(groups.tokens) ?? groups.tokens;
    this.#device.write(this.#groups.tokens, tokens);
    this.#device.write(this.#groups.starts, groups.starts);
    this.#device.write(this.#groups.rows, groups.rows);
    this.#groups.count = groups.tokens.length;
  }
}
