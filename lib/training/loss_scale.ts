/**
 * The scale of the loss in training with float16, as PyTorch's GradScaler has it (Micikevicius et al.,
 * Mixed Precision Training): gradients that float16 would lose are lifted by a power of two, which the
 * optimizer takes back.
 *
 * @module
 */
import type { ComputeType } from "../model/mod.ts";

/** Where it begins. */
const FIRST = 2 ** 16;
/** After so many steps without an overflow it is tried whether twice as much does. */
const GROWTH_STEPS = 2000;
/** More is never needed; with this much float32 still has gradients up to 2⁶⁷. */
const MOST = 2 ** 60;

/** What is said of a step whose gradients overflowed. */
export function overflowLine(step: number, lossScale: number): string {
  return `step ${step}: gradients passed float16; it is taken again with a loss scale of ${lossScale}`;
}

/** Where a scale stands, as a checkpoint keeps it. */
export interface LossScaleState {
  /** What the loss is multiplied by. */
  value: number;
  /** Steps since it changed. */
  steps: number;
}

/** A scale that follows the gradients of a run. */
export class LossScale {
  /** What the loss is multiplied by for its gradients; 1 where nothing is multiplied in float16. */
  value: number;
  #steps: number;

  /**
   * Where a run begins.
   *
   * @param dtype In which type the model computes.
   * @param from Where the scale of a run stood that is gone on with, if it had one.
   */
  constructor(
    private readonly dtype: ComputeType,
    from: LossScaleState = { value: FIRST, steps: 0 },
  ) {
    this.value = dtype === "float16" ? from.value : 1;
    this.#steps = from.steps;
  }

  /** Where it stands, if there is a scale. */
  get state(): LossScaleState | undefined {
    return this.dtype === "float16" ? { value: this.value, steps: this.#steps } : undefined;
  }

  /** Counts a step that was taken with it, as far as is known. */
  grow(): void {
    if (this.dtype !== "float16" || ++this.#steps < GROWTH_STEPS) return;
    this.#steps = 0;
    this.value = Math.min(MOST, 2 * this.value);
  }

  /**
   * Halves it after a step whose gradients overflowed.
   *
   * @returns Whether it could: without a scale it was not at fault.
   */
  shrink(): boolean {
    if (this.value <= 1) return false;
    this.#steps = 0;
    this.value /= 2;
    return true;
  }
}
