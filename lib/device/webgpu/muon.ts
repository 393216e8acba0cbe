/**
 * The steps of Muon that are no matrix products.
 *
 * @module
 */
import cautiousUpdateMain from "../../../kernels/webgpu/cautious_update.wgsl" with {
  type: "text",
};
import columnSquaresMain from "../../../kernels/webgpu/column_squares.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import matrixNormalizeMain from "../../../kernels/webgpu/matrix_normalize.wgsl" with {
  type: "text",
};
import matrixSquaresMain from "../../../kernels/webgpu/matrix_squares.wgsl" with { type: "text" };
import muonMomentumMain from "../../../kernels/webgpu/muon_momentum.wgsl" with { type: "text" };
import reduce from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
import rowSquaresMain from "../../../kernels/webgpu/row_squares.wgsl" with { type: "text" };
import scaleLinesMain from "../../../kernels/webgpu/scale_lines.wgsl" with { type: "text" };
import varianceFactorsMain from "../../../kernels/webgpu/variance_factors.wgsl" with {
  type: "text",
};
import type { Guard, Operations } from "../operations.ts";
import type { Tensor } from "../tensor.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu, Slice } from "./gpu.ts";

const CAUTIOUS_UPDATE = element + cautiousUpdateMain;
const COLUMN_SQUARES = element + columnSquaresMain;
const MATRIX_NORMALIZE = element + reduce + matrixNormalizeMain;
const MATRIX_SQUARES = element + reduce + matrixSquaresMain;
const MUON_MOMENTUM = element + muonMomentumMain;
const ROW_SQUARES = element + reduce + rowSquaresMain;
const SCALE_LINES = element + scaleLinesMain;
const VARIANCE_FACTORS = reduce + varianceFactorsMain;

/** At most so many workgroups share a sum over a matrix; the kernel that adds up has 64 threads. */
const MAX_MATRIX_PARTIALS = 64;

/** At most so many workgroups share the scaling of a matrix. */
const MAX_MATRIX_GROUPS = 1024;

/** Operations of this file. */
type Names =
  | "muonMomentum"
  | "frobeniusNormalize"
  | "equilibrateRows"
  | "muonVarianceReduction"
  | "cautiousUpdate";

/** See {@link Operations}. */
export function muonOperations(gpu: Gpu): Pick<Operations, Names> {
  return {
    muonMomentum({ out, momentum, g, slot, mu, gradientScale = 1, guard }) {
      const GUARDED = guard !== undefined;
      for (const { start, count, slices } of gpu.split(g.size, { g })) {
        const WIDTH = widthFor(count, g.size);
        const outPart = gpu.window(out, slot * g.size + start, count);
        const momentumPart = gpu.window(momentum, slot * g.size + start, count);
        const uniforms = {
          count: count / WIDTH,
          momentumOffset: momentumPart.offset / WIDTH,
          outOffset: outPart.offset / WIDTH,
          mu,
          gradientScale,
        };
        const bindings = { out: outPart.slice, momentum: momentumPart.slice, g: slices.g, guard };
        const groups = Math.ceil(uniforms.count / WORKGROUP);
        gpu.run(gpu.kernel(MUON_MOMENTUM, { WIDTH, GUARDED }), bindings, uniforms, groups);
      }
    },

    cautiousUpdate({ p, x, slot, lr, weightDecay, guard }) {
      const GUARDED = guard !== undefined;
      for (const { start, count, slices } of gpu.split(p.size, { p })) {
        const WIDTH = widthFor(count, p.size);
        const part = gpu.window(x, slot * p.size + start, count);
        const uniforms = {
          count: count / WIDTH,
          xOffset: part.offset / WIDTH,
          lr,
          decay: lr * weightDecay,
        };
        const groups = Math.ceil(uniforms.count / WORKGROUP);
        const kernel = gpu.kernel(CAUTIOUS_UPDATE, { WIDTH, GUARDED });
        gpu.run(kernel, { p: slices.p, x: part.slice, guard }, uniforms, groups);
      }
    },

    frobeniusNormalize({ x, target, margin, eps }) {
      const [n, rows, columns] = x.shape;
      const WIDTH = widthFor(rows * columns);
      const size = rows * columns / WIDTH;
      const groups = Math.ceil(size / WORKGROUP);
      const partialGroups = Math.min(groups, MAX_MATRIX_PARTIALS);
      const scaleGroups = Math.min(groups, MAX_MATRIX_GROUPS);
      for (const { count, slices } of gpu.split(n, { x })) {
        const partials = gpu.scratch(count * partialGroups);
        const squares = gpu.kernel(MATRIX_SQUARES, { WIDTH });
        gpu.run(squares, { x: slices.x, partials }, { size }, [partialGroups, count, 1]);
        const uniforms = { size, partials: partialGroups, goal: target, margin, eps };
        const normalize = gpu.kernel(MATRIX_NORMALIZE, { WIDTH });
        gpu.run(normalize, { x: slices.x, partials }, uniforms, [scaleGroups, count, 1]);
      }
    },

    equilibrateRows({ x }) {
      for (const { count, slices } of gpu.split(x.shape[0], { x })) {
        balanceLines(gpu, x, slices.x, count, true);
      }
    },

    muonVarianceReduction({ x, secondMomentum, beta2, guard }) {
      const [n, rows, columns] = x.shape;
      for (const { count, slices } of gpu.split(n, { x, secondMomentum })) {
        const momentum = { secondMomentum: slices.secondMomentum, beta2, guard };
        balanceLines(gpu, x, slices.x, count, rows >= columns, momentum);
      }
    },
  };
}

/** Scales rows or columns of `count` matrices by factors found from their mean squares. */
function balanceLines(
  gpu: Gpu,
  { shape: [, rows, columns] }: Tensor,
  x: Slice,
  count: number,
  ROWS: boolean,
  momentum?: { secondMomentum: Slice; beta2: number; guard?: Guard },
): void {
  const WIDTH = widthFor(columns);
  const lines = ROWS ? rows : columns;
  const factors = gpu.scratch(count * lines);
  if (ROWS) {
    const uniforms = { rows: count * rows, columns: columns / WIDTH };
    gpu.run(gpu.kernel(ROW_SQUARES, { WIDTH }), { x, squares: factors }, uniforms, count * rows);
  } else {
    const uniforms = { count: count * columns / WIDTH, columns: columns / WIDTH, rows };
    const groups = Math.ceil(uniforms.count / 8);
    gpu.run(gpu.kernel(COLUMN_SQUARES, { WIDTH }), { x, squares: factors }, uniforms, groups);
  }
  const { secondMomentum, guard, beta2 = 0 } = momentum ?? {};
  const variant = { MOMENTUM: momentum !== undefined, GUARDED: guard !== undefined };
  const kernel = gpu.kernel(VARIANCE_FACTORS, variant);
  const sizes = { lines, n: ROWS ? columns : rows, beta2 };
  gpu.run(kernel, { factors, secondMomentum, guard }, sizes, [count, 1, 1]);
  const elements = count * rows * columns / WIDTH;
  const uniforms = { count: elements, rows, columns: columns / WIDTH };
  const scale = gpu.kernel(SCALE_LINES, { WIDTH, ROWS });
  gpu.run(scale, { x, factors }, uniforms, Math.ceil(elements / WORKGROUP));
}
