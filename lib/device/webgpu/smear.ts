/**
 * Smearing: every row takes some of the row before it.
 *
 * @module
 */
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import reduce from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
import smearMain from "../../../kernels/webgpu/smear.wgsl" with { type: "text" };
import gateMain from "../../../kernels/webgpu/smear_backward_gate.wgsl" with { type: "text" };
import inputMain from "../../../kernels/webgpu/smear_backward_input.wgsl" with { type: "text" };
import rowsMain from "../../../kernels/webgpu/smear_backward_rows.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";

const SMEAR = element + reduce + smearMain;
const BACKWARD_ROWS = element + reduce + rowsMain;
const BACKWARD_INPUT = element + inputMain;
const BACKWARD_GATE = reduce + gateMain;

/** See {@link Operations}. */
export function smearOperations(gpu: Gpu): Pick<Operations, "smear" | "smearBackward"> {
  return {
    smear({ out, x, gate, lambda, previous, starts }) {
      const [rows, C] = rowsOf(x);
      checkShapes((starts?.size ?? rows) === rows, "smear", x);
      const WIDTH = widthFor(C, gate.size);
      const sizes = { columns: C / WIDTH, gateColumns: gate.size / WIDTH, T: x.shape[1] };
      // Where there are starts, a row's first token is one.
      const STARTS = !!starts, PREVIOUS = !!previous && !STARTS;
      const kernel = gpu.kernel(SMEAR, { WIDTH, PREVIOUS, STARTS });
      const bindings = { out, x, gate, lambda, previous, starts };
      gpu.run(kernel, bindings, { rows, ...sizes }, rows);
    },

    smearBackward({ dx, dgate, dlambda, dout, x, gate, lambda, starts }) {
      const [rows, C] = rowsOf(x);
      checkShapes((starts?.size ?? rows) === rows, "smearBackward", x);
      const WIDTH = widthFor(C, gate.size);
      const sizes = { columns: C / WIDTH, gateColumns: gate.size / WIDTH, T: x.shape[1] };
      const gates = gpu.scratch(2 * rows);
      const rowsKernel = gpu.kernel(BACKWARD_ROWS, { WIDTH, STARTS: !!starts });
      gpu.run(rowsKernel, { gates, x, dout, gate, starts }, { rows, ...sizes }, rows);
      const count = dx.size / WIDTH;
      const bindings = { dx, dout, gates, gate, lambda };
      const inputKernel = gpu.kernel(BACKWARD_INPUT, { WIDTH });
      gpu.run(inputKernel, bindings, { count, ...sizes }, Math.ceil(count / WORKGROUP));
      const uniforms = { rows, columns: C, G: gate.size };
      gpu.run(
        gpu.kernel(BACKWARD_GATE),
        { dgate, dlambda, x, gates, lambda },
        uniforms,
        gate.size + 1,
      );
    },
  };
}
