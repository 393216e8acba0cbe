/**
 * A batch on the device: its tokens, its counted targets, and its rows grouped by token.
 *
 * @module
 */
import type { Tensor, TokenGroups } from "../device/mod.ts";
import { groupTokens } from "../device/token_groups.ts";
import type { Arena } from "./arena.ts";
import { paddedVocabSize } from "./config.ts";
import type { GPT } from "./gpt.ts";

/** The inputs of a pass, written once per micro-batch. */
export class DeviceBatch {
  /** int32 (N) Tokens. */
  readonly ids: Tensor;
  /** int32 (N) The rows that have a target; only the first {@link count} are meant. */
  readonly index: Tensor;
  /** int32 (N) Their targets. */
  readonly targets: Tensor;
  /** (N) Their weights in a weighted sum of losses. */
  readonly weights: Tensor;
  /** Number of rows that have a target. */
  count = 0;
  readonly #model: GPT;
  readonly #groups: TokenGroups | undefined;

  /** Plans memory for N rows; `training` adds the grouping by token. */
  constructor(model: GPT, arena: Arena, N: number, training: boolean) {
    this.#model = model;
    this.ids = arena.tensor("tokens", [N], "int32");
    this.index = arena.tensor("rows with a target", [N], "int32");
    this.targets = arena.tensor("targets", [N], "int32");
    this.weights = arena.tensor("target weights", [N]);
    if (!training) return;
    this.#groups = {
      tokens: arena.tensor("distinct tokens", [N], "int32"),
      starts: arena.tensor("starts of distinct tokens", [N + 1], "int32"),
      rows: arena.tensor("rows by token", [N], "int32"),
      count: 0,
    };
  }

  /** The rows grouped by token. */
  get groups(): TokenGroups {
    if (!this.#groups) throw new Error("the batch was made for inference");
    return this.#groups;
  }

  /**
   * Writes a batch.
   *
   * @param x (N) Tokens.
   * @param y (N) Targets, −1 where there is none; absent when no loss is wanted.
   * @param weightOf Weight of a target in {@link Pass.evaluate}'s sum, 1 unless given.
   */
  write(x: Int32Array, y?: Int32Array, weightOf: (target: number) => number = () => 1): void {
    const { device, config } = this.#model;
    device.write(this.ids, x);
    if (this.#groups) {
      const groups = groupTokens(x, paddedVocabSize(config));
      device.write(this.#groups.tokens, groups.tokens);
      device.write(this.#groups.starts, groups.starts);
      device.write(this.#groups.rows, groups.rows);
      this.#groups.count = groups.tokens.length;
    }
    const index = Int32Array.from(y?.keys() ?? []).filter((row) => y![row] >= 0);
    this.count = index.length;
    if (this.count === 0) return;
    const targets = index.map((row) => y![row]);
    device.write(this.index, index);
    device.write(this.targets, targets);
    device.write(this.weights, Float32Array.from(targets, weightOf));
  }
}
