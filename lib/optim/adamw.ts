/**
 * AdamW (Loshchilov & Hutter, Decoupled Weight Decay Regularization) over one group.
 *
 * @module
 */
import type { Device, Guard, Tensor } from "../device/mod.ts";
import type { AdamWGroup, OptimizerParameter } from "./groups.ts";

/** The moments of one parameter. */
export interface Moments {
  /** Which parameter. */
  parameter: OptimizerParameter;
  /** Running mean of its gradient. */
  m: Tensor;
  /** Running mean of its square. */
  v: Tensor;
}

/** AdamW for the parameters of a group. */
export class AdamW {
  /** Steps taken so far. */
  steps = 0;
  /** Moments of each parameter, in the group's order. */
  readonly moments: Moments[];

  /** Allocates zero moments, of the types of the values. */
  constructor(readonly device: Device, readonly group: AdamWGroup) {
    this.moments = group.parameters.map((parameter) => {
      const { name, shape, value: { dtype } } = parameter;
      return {
        parameter,
        m: device.allocate(`first moment of ${name}`, shape, dtype),
        v: device.allocate(`second moment of ${name}`, shape, dtype),
      };
    });
  }

  /**
   * Updates every parameter from `gradientScale` times its gradient, at `multiplier` times the group's
   * rate, unless `guard` is set.
   */
  step(multiplier: number, guard?: Guard, gradientScale = 1): void {
    const { lr, betas: [beta1, beta2], eps, weightDecay } = this.group;
    const step = ++this.steps;
    for (const { parameter, m, v } of this.moments) {
      const { value: p, gradient: g, gradientRows, name } = parameter;
      if (!g) throw new Error(`${name} has no gradient`);
      const rates = { lr: lr * multiplier, beta1, beta2, eps, weightDecay, step, gradientScale };
      this.device.adamW({ p, g, m, v, ...rates, rows: gradientRows?.rows, guard });
    }
  }

  /** Gives the moments' memory back. */
  free(): void {
    for (const { m, v } of this.moments) [m, v].forEach((tensor) => this.device.free(tensor));
  }
}
