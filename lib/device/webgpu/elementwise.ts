/**
 * Operations element by element, and sums over all elements.
 *
 * @module
 */
import addPartialsMain from "../../../kernels/webgpu/add_partials.wgsl" with { type: "text" };
import checkFiniteMain from "../../../kernels/webgpu/check_finite.wgsl" with { type: "text" };
import combineMain from "../../../kernels/webgpu/combine.wgsl" with { type: "text" };
import combineBackwardMain from "../../../kernels/webgpu/combine_backward.wgsl" with {
  type: "text",
};
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import finite from "../../../kernels/webgpu/finite.wgsl" with { type: "text" };
import reduce from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
import softcapMain from "../../../kernels/webgpu/softcap.wgsl" with { type: "text" };
import sumMain from "../../../kernels/webgpu/sum.wgsl" with { type: "text" };
import tanh from "../../../kernels/webgpu/tanh.wgsl" with { type: "text" };
import type { Coefficient, Operations } from "../operations.ts";
import { checkShapes } from "../shapes.ts";
import { bytesOf, type Tensor } from "../tensor.ts";
import { type Gpu, onGpu, sameMemory, type Slice, type Tensors } from "./gpu.ts";
import type { TemplateValues } from "./template.ts";

const ADD_PARTIALS = reduce + addPartialsMain;
const CHECK_FINITE = element + finite + checkFiniteMain;
const COMBINE = element + combineMain;
const COMBINE_BACKWARD = element + reduce + combineBackwardMain;
const SOFTCAP = element + finite + tanh + softcapMain;
const SUM = element + reduce + sumMain;

/** Threads of a workgroup in kernels over elements. */
export const WORKGROUP = 64;

/** At most so many workgroups share a whole tensor where something is summed over it. */
const MAX_GROUPS = 1024;

/** How many numbers a thread takes at once, given the lengths that must be multiples of it. */
export function widthFor(...lengths: number[]): 1 | 4 {
  return lengths.every((length) => length % 4 === 0) ? 4 : 1;
}

/**
 * Runs a kernel on elements `i` of tensors of one size.
 *
 * @param values The template's values, but for WIDTH on which they may depend.
 * @param whole Tensors that are bound whole.
 */
export function elementwise(
  gpu: Gpu,
  source: string,
  values: TemplateValues | ((width: 1 | 4) => TemplateValues),
  size: number,
  tensors: Tensors,
  uniforms: Readonly<Record<string, number>>,
  whole: Tensors = {},
): void {
  for (const { count, slices } of gpu.split(size, tensors)) {
    const WIDTH = widthFor(count);
    const chosen = typeof values === "function" ? values(WIDTH) : values;
    const kernel = gpu.kernel(source, { ...chosen, WIDTH });
    const elements = count / WIDTH;
    const groups = Math.ceil(elements / WORKGROUP);
    gpu.run(kernel, { ...slices, ...whole }, { ...uniforms, count: elements }, groups);
  }
}

/** Adds up what workgroups left in `partials`: out[index] += scale · Σ. */
function addPartials(
  gpu: Gpu,
  partials: Slice,
  out: Tensor,
  uniforms: { count: number; stride: number; offset: number; index: number; scale: number },
): void {
  gpu.run(gpu.kernel(ADD_PARTIALS), { partials, out }, uniforms, 1);
}

const indexOf = (c: Coefficient) => c === 1 ? 0 : c.index;
const signOf = (c: Coefficient) => c !== 1 && c.negate ? -1 : 1;

/** A kernel's view of two coefficients. */
export function coefficients(a: Coefficient, b: Coefficient) {
  return {
    values: { A: a !== 1, B: b !== 1 },
    uniforms: { aIndex: indexOf(a), aSign: signOf(a), bIndex: indexOf(b), bSign: signOf(b) },
    tensors: { a: a === 1 ? undefined : a.tensor, b: b === 1 ? undefined : b.tensor },
  };
}

/** Operations of this file. */
type Names = "zero" | "copy" | "combine" | "combineBackward" | "softcap" | "sum" | "checkFinite";

/** See {@link Operations}. */
export function elementwiseOperations(gpu: Gpu): Pick<Operations, Names> {
  return {
    zero({ x }) {
      gpu.copies().clearBuffer(onGpu(x).allocation.buffer, 0, x.size * bytesOf(x.dtype));
    },

    copy({ out, x }) {
      checkShapes(out.size === x.size && out.dtype === x.dtype, "copy", out, x);
      if (sameMemory(out, x)) return;
      const [from, to] = [x, out].map((tensor) => onGpu(tensor).allocation.buffer);
      gpu.copies().copyBufferToBuffer(from, 0, to, 0, x.size * bytesOf(x.dtype));
    },

    combine({ out, x, y, a, b }) {
      checkShapes(out.size === x.size && out.size === y.size, "combine", out, x, y);
      const { values, uniforms, tensors } = coefficients(a, b);
      const IN_PLACE = sameMemory(out, x);
      const operands = { out, y, x: IN_PLACE ? undefined : x };
      elementwise(gpu, COMBINE, { ...values, IN_PLACE }, x.size, operands, uniforms, tensors);
    },

    combineBackward({ dx, dy, da, db, dout, x, y, a, b, overwriteDy }) {
      checkShapes(
        [dy, dout, x, y].every((t) => t.size === dx.size),
        "combineBackward",
        ...[dx, dy, dout, x, y],
      );
      const { values, uniforms, tensors } = coefficients(a, b);
      const IN_PLACE = sameMemory(dx, dout);
      const SUM_X = a !== 1 && da !== undefined;
      const SUM_Y = b !== 1 && db !== undefined;
      const SUM = SUM_X || SUM_Y;
      const OVERWRITE = overwriteDy === true;
      const operands = {
        dx,
        dy,
        dout: IN_PLACE ? undefined : dout,
        x: SUM_X ? x : undefined,
        y: SUM_Y ? y : undefined,
      };
      for (const { count, slices } of gpu.split(dx.size, operands)) {
        const WIDTH = widthFor(count);
        const variant = { ...values, IN_PLACE, SUM_X, SUM_Y, SUM, OVERWRITE, WIDTH };
        const groups = Math.min(MAX_GROUPS, Math.ceil(count / WIDTH / WORKGROUP));
        const kernel = gpu.kernel(COMBINE_BACKWARD, variant);
        const partials = gpu.scratch(2 * groups);
        const sizes = { ...uniforms, count: count / WIDTH };
        gpu.run(kernel, { ...slices, ...tensors, partials }, sizes, groups);
        const sums = (c: Coefficient, offset: number) => ({
          count: groups,
          stride: 2,
          offset,
          index: indexOf(c),
          scale: signOf(c),
        });
        if (SUM_X) addPartials(gpu, partials, da, sums(a, 0));
        if (SUM_Y) addPartials(gpu, partials, db, sums(b, 1));
      }
    },

    softcap({ x, cap }) {
      elementwise(gpu, SOFTCAP, {}, x.size, { x }, { cap });
    },

    sum({ out, x, weights, scale }) {
      checkShapes(!weights || weights.size === x.size, "sum", x, weights ?? x);
      for (const { count, slices } of gpu.split(x.size, { x, weights })) {
        const WIDTH = widthFor(count);
        const groups = Math.min(MAX_GROUPS, Math.ceil(count / WIDTH / WORKGROUP));
        const partials = gpu.scratch(groups);
        const kernel = gpu.kernel(SUM, { WIDTH, WEIGHTS: weights !== undefined });
        gpu.run(kernel, { ...slices, partials }, { count: count / WIDTH }, groups);
        addPartials(gpu, partials, out, { count: groups, stride: 1, offset: 0, index: 0, scale });
      }
    },

    checkFinite({ x, flag }) {
      const values = {
        HALF: bytesOf(x.dtype) === 2,
        MASK: x.dtype === "float16" ? 0x7c00 : 0x7f80,
      };
      elementwise(gpu, CHECK_FINITE, values, x.size, { x }, {}, { flag });
    },
  };
}
