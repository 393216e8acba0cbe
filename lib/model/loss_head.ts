/**
 * The vocabulary product and its loss, in chunks over the rows that have a target: masked rows
 * cost nothing, and the logits of a whole batch never exist at once.
 *
 * @module
 */
import type { Tensor } from "../device/mod.ts";
import type { Arena } from "./arena.ts";
import { tableRows } from "./config.ts";
import type { GPT } from "./gpt.ts";

/** Elements of the logits that exist at once in any case, unless one row of 64 already has more. */
const LEAST_ELEMENTS = 16 << 20;

/** And at most: 256 MiB, which is the largest buffer that every WebGPU has. */
const MOST_ELEMENTS = 64 << 20;

/**
 * Rows whose logits exist at once at most, in tables (V, C): a multiple of 64. Each such chunk reads
 * lm_head's weights and, in training, reads and writes its gradient: there the logits are up to twice
 * as large as one of these, so that most of what is moved are logits.
 */
export function mostChunkRows([V, C]: readonly [number, number], training: boolean): number {
  const wanted = training ? 2 * V * C : 0;
  const elements = Math.min(Math.max(wanted, LEAST_ELEMENTS), MOST_ELEMENTS);
  return Math.max(64, Math.floor(elements / V / 64) * 64);
}

/** The last stage of a pass. */
export class LossHead {
  /** Most rows that {@link logits} takes at once. */
  readonly chunkRows: number;
  /** (N) Cross-entropy in nats, in the order of the rows' index. */
  readonly losses: Tensor;
  readonly #x: Tensor;
  readonly #dx: Tensor | undefined;
  readonly #logits: Tensor;

  /** Plans memory for up to `N` rows with a target. */
  constructor(readonly model: GPT, arena: Arena, N: number, training: boolean) {
    const V = tableRows(model.config, model.parts), C = model.config.nEmbd;
    const rows = this.chunkRows = Math.min(N, mostChunkRows([V, C], training));
    this.#x = arena.tensor("rows of the loss head", [rows, C]);
    this.#dx = training ? arena.tensor("gradient of the loss head's rows", [rows, C]) : undefined;
    this.#logits = arena.tensor("logits", [rows, V]);
    this.losses = arena.tensor("losses", [N]);
  }

  #product(final: Tensor, index: Tensor, start: number, R: number): { x: Tensor; logits: Tensor } {
    const { device, kept: { operands } } = this.model;
    const x = device.view(this.#x, [R, this.#x.shape[1]]);
    const logits = device.view(this.#logits, [R, this.#logits.shape[1]]);
    device.gatherRows({ out: x, x: final, index, start });
    const b = this.model.value("lm_head.weight");
    device.matmul({ out: logits, a: x, b, layout: "nt", operands });
    return { x, logits };
  }

  /**
   * Capped logits of the rows index[start .. start+R) of `final` (N, C): (R, V), valid until the
   * next call.
   */
  logits(final: Tensor, index: Tensor, start: number, R: number): Tensor {
    const { logits } = this.#product(final, index, start, R);
    this.model.device.softcap({ x: logits, cap: this.model.parts.softcap });
    return logits;
  }

  /**
   * Computes {@link losses} for the first `count` rows of `index`. With `gradient` also their
   * gradients times `scale`: added to lm_head's, and written to the rows of `dFinal` (N, C), whose
   * other rows become zero.
   */
  run(
    args: {
      final: Tensor;
      index: Tensor;
      targets: Tensor;
      count: number;
      gradient?: { dFinal: Tensor; scale: number };
    },
  ): void {
    const { final, index, targets, count, gradient } = args;
    const { device, config, parts, kept: { operands } } = this.model;
    // Else every row is written.
    if (gradient && count < this.losses.size) device.zero({ x: gradient.dFinal });
    for (let start = 0; start < count; start += this.chunkRows) {
      const R = Math.min(this.chunkRows, count - start);
      const { x, logits } = this.#product(final, index, start, R);
      device.softcapCrossEntropy({
        losses: this.losses,
        logits,
        targets,
        start,
        vocabSize: config.vocabSize,
        cap: parts.softcap,
        gradientScale: gradient?.scale,
      });
      if (!gradient || !this.#dx) continue;
      const dx = device.view(this.#dx, [R, config.nEmbd]);
      const dW = this.model.gradient("lm_head.weight"), W = this.model.value("lm_head.weight");
      device.matmul({ out: dW, a: logits, b: x, layout: "tn", beta: 1, operands });
      device.matmul({ out: dx, a: logits, b: W, layout: "nn", operands });
      device.scatterRows({ out: gradient.dFinal, x: dx, index, start });
    }
  }
}
