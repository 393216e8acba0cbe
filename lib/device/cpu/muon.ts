/**
 * The steps of Muon that are no matrix products.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes } from "../shapes.ts";
import type { Tensor } from "../tensor.ts";
import type { CpuMemory } from "./memory.ts";
import type { Pool } from "./pool.ts";
import { at, isSet } from "./tensor.ts";

/** Operations of this file. */
type Names =
  | "muonMomentum"
  | "frobeniusNormalize"
  | "equilibrateRows"
  | "muonVarianceReduction"
  | "cautiousUpdate";

/** Muon's {@link Operations} in WebAssembly. */
export function muonOperations(pool: Pool, memory: CpuMemory): Pick<Operations, Names> {
  const muonMomentum = pool.kernel("muonMomentum");
  const frobeniusNormalize = pool.kernel("frobeniusNormalize");
  const equilibrateRows = pool.kernel("equilibrateRows");
  const muonVarianceReduction = pool.kernel("muonVarianceReduction");
  const cautiousUpdate = pool.kernel("cautiousUpdate");

  /** The address of a matrix of a stack that has as many elements as `like`. */
  const matrixAt = (operation: string, stack: Tensor, slot: number, like: Tensor) => {
    checkShapes((slot + 1) * like.size <= stack.size, operation, stack, like);
    return at(stack) + 4 * slot * like.size;
  };
  /** Number, rows and columns of the matrices of a stack. */
  const matricesOf = (operation: string, x: Tensor): [number, number, number] => {
    checkShapes(x.shape.length === 3, operation, x);
    return [x.shape[0], x.shape[1], x.shape[2]];
  };

  return {
    muonMomentum: ({ out, momentum, g, slot, mu, gradientScale = 1, guard }) => {
      const update = matrixAt("muonMomentum", out, slot, g);
      const state = matrixAt("muonMomentum", momentum, slot, g);
      if (isSet(memory, guard)) return;
      muonMomentum(update, state, at(g), g.size, mu, gradientScale);
    },
    frobeniusNormalize: ({ x, target, margin, eps }) => {
      frobeniusNormalize(at(x), ...matricesOf("frobeniusNormalize", x), target, margin, eps);
    },
    equilibrateRows: ({ x }) => {
      const sizes = matricesOf("equilibrateRows", x);
      pool.reserveWorkspace(4 * sizes[1]);
      equilibrateRows(at(x), ...sizes);
    },
    muonVarianceReduction: ({ x, secondMomentum, beta2, guard }) => {
      const [n, rows, columns] = matricesOf("muonVarianceReduction", x);
      const kept = Math.max(rows, columns);
      checkShapes(secondMomentum.size === n * kept, "muonVarianceReduction", x, secondMomentum);
      if (isSet(memory, guard)) return;
      pool.reserveWorkspace(4 * kept);
      muonVarianceReduction(at(x), at(secondMomentum), n, rows, columns, beta2);
    },
    cautiousUpdate: ({ p, x, slot, lr, weightDecay, guard }) => {
      const update = matrixAt("cautiousUpdate", x, slot, p);
      if (isSet(memory, guard)) return;
      cautiousUpdate(at(p), update, p.size, lr, lr * weightDecay);
    },
  };
}
