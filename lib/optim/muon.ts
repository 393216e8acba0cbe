/**
 * Muon (Jordan et al., 2024) as nanochat has it: Nesterov momentum, orthogonalisation by the
 * polar express (Amsel et al., 2025) in five steps, variance reduction (NorMuon, Li et al., 2025)
 * and cautious weight decay (Chen et al., 2025).
 *
 * @module
 */
import type { Device, Guard, Tensor } from "../device/mod.ts";
import { sizeOf } from "../shapes.ts";
import type { MuonGroup, OptimizerParameter } from "./groups.ts";

/** Coefficients (a, b, c) of the odd polynomials X ↦ aX + (bA + cA²)X, A = XXᵀ. */
const POLAR_EXPRESS: readonly (readonly [number, number, number])[] = [
  [8.156554524902461, -22.48329292557795, 15.878769915207462],
  [4.042929935166739, -2.808917465908714, 0.5000178451051316],
  [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
  [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
  [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
];

/** Elements that a stack of matrices has at most: bounds scratch memory and binding sizes. */
const STACK_ELEMENTS = 16 << 20;

/** Matrices of a shape (rows, columns) that are updated together at most. */
export function mostStacked(shape: readonly number[]): number {
  return Math.floor(STACK_ELEMENTS / sizeOf(shape));
}

/** Variations that later versions of nanochat have. */
export interface MuonOptions {
  /** Rescale rows to their norms' root mean square before orthogonalising. */
  equilibrateRows?: boolean;
  /** Rescale the result to the Frobenius norm of an orthogonal matrix. */
  renormalize?: boolean;
}

/** Some of a group's matrices, updated together: their state. */
export interface MuonStack {
  /** The matrices, in the group's order. */
  parameters: OptimizerParameter[];
  /** (n, rows, cols) */
  momentum: Tensor;
  /** (n, rows, 1) if rows ≥ cols, else (n, 1, cols) */
  secondMomentum: Tensor;
}

/** Scratch memory that all groups use one after the other. */
export interface MuonScratch {
  /** Two stacks of updates. */
  x: [Tensor, Tensor];
  /** Two stacks of square matrices. */
  square: [Tensor, Tensor];
}

const stackSize = (group: MuonGroup) =>
  Math.max(
    1,
    Math.min(
      group.parameters.length,
      mostStacked(group.parameters[0].shape),
    ),
  );

/** Allocates scratch memory large enough for every group. */
export function allocateMuonScratch(device: Device, groups: readonly MuonGroup[]): MuonScratch {
  const most = (size: (shape: readonly number[]) => number) =>
    Math.max(1, ...groups.map((group) => stackSize(group) * size(group.parameters[0].shape)));
  const tensor = (what: string, size: number) => device.allocate(`Muon's ${what}`, [size]);
  const x = most(sizeOf), square = most(([rows, cols]) => Math.min(rows, cols) ** 2);
  return {
    x: [tensor("update", x), tensor("next update", x)],
    square: [tensor("Gram matrix", square), tensor("polynomial", square)],
  };
}

/** Muon for the matrices of a group. */
export class Muon {
  /** The group's matrices in stacks that are updated together. */
  readonly stacks: MuonStack[] = [];

  /** Allocates zero state. */
  constructor(
    readonly device: Device,
    readonly group: MuonGroup,
    readonly scratch: MuonScratch,
    readonly options: MuonOptions = {},
  ) {
    const [rows, cols] = group.parameters[0].shape;
    const size = stackSize(group);
    for (let start = 0; start < group.parameters.length; start += size) {
      const parameters = group.parameters.slice(start, start + size), n = parameters.length;
      const reduced = rows >= cols ? [n, rows, 1] : [n, 1, cols];
      this.stacks.push({
        parameters,
        momentum: device.allocate(`momentum of ${parameters[0].name}`, [n, rows, cols]),
        secondMomentum: device.allocate(`second momentum of ${parameters[0].name}`, reduced),
      });
    }
  }

  /**
   * Updates every matrix at `multiplier` times the group's rate, with momentum coefficient `mu`, from
   * `gradientScale` times its gradient, unless `guard` is set.
   */
  step(multiplier: number, mu: number, guard?: Guard, gradientScale = 1): void {
    const { device, group: { beta2, weightDecay } } = this;
    const [rows, cols] = this.group.parameters[0].shape;
    const lr = this.group.lr * multiplier * Math.sqrt(Math.max(1, rows / cols));
    for (const { parameters, momentum, secondMomentum } of this.stacks) {
      let x = device.view(this.scratch.x[0], [parameters.length, rows, cols]);
      parameters.forEach(({ gradient: g, name }, slot) => {
        if (!g) throw new Error(`${name} has no gradient`);
        device.muonMomentum({ out: x, momentum, g, slot, mu, gradientScale, guard });
      });
      if (this.options.equilibrateRows) device.equilibrateRows({ x });
      device.frobeniusNormalize({ x, target: 1, margin: 1.01, eps: 1e-6 });
      x = this.#orthogonalize(x);
      if (this.options.renormalize) {
        const target = Math.sqrt(Math.min(rows, cols));
        device.frobeniusNormalize({ x, target, margin: 1, eps: 0 });
      }
      device.muonVarianceReduction({ x, secondMomentum, beta2, guard });
      parameters.forEach(({ value: p }, slot) => {
        device.cautiousUpdate({ p, x, slot, lr, weightDecay, guard });
      });
    }
  }

  /** Drives all singular values of each matrix (norm ≤ 1) towards 1. */
  #orthogonalize(x: Tensor): Tensor {
    const { device, scratch } = this;
    const [n, rows, cols] = x.shape;
    const side = Math.min(rows, cols), tall = rows > cols;
    const [A, B] = scratch.square.map((tensor) => device.view(tensor, [n, side, side]));
    let next = device.view(scratch.x[1], x.shape);
    for (const [a, b, c] of POLAR_EXPRESS) {
      device.matmul({ out: A, a: x, b: x, layout: tall ? "tn" : "nt", symmetric: true });
      const square = { a: A, b: A, alpha: c, c: A, beta: b, symmetric: true };
      device.matmul({ out: B, ...square, layout: "nn" });
      const [left, right] = tall ? [x, B] : [B, x];
      device.matmul({ out: next, a: left, b: right, layout: "nn", c: x, beta: a });
      [x, next] = [next, x];
    }
    return x;
  }

  /** Gives the state's memory back. */
  free(): void {
    for (const { momentum, secondMomentum } of this.stacks) {
      [momentum, secondMomentum].forEach((tensor) => this.device.free(tensor));
    }
  }
}
