/**
 * Value embeddings: gated embeddings that are added to the values of attention.
 *
 * @module
 */
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import reduce from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
import inputOf from "../../../kernels/webgpu/value_embedding_input.wgsl" with { type: "text" };
import valueMain from "../../../kernels/webgpu/value_embedding.wgsl" with { type: "text" };
import gateMain from "../../../kernels/webgpu/value_embedding_backward_gate.wgsl" with {
  type: "text",
};
import gatesMain from "../../../kernels/webgpu/value_embedding_backward_gates.wgsl" with {
  type: "text",
};
import inputMain from "../../../kernels/webgpu/value_embedding_backward_input.wgsl" with {
  type: "text",
};
import type { Operations } from "../operations.ts";
import { rowsOf } from "../shapes.ts";
import { bytesOf, type Tensor } from "../tensor.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import { addByToken } from "./embedding.ts";
import type { Gpu } from "./gpu.ts";
import { storage } from "./storage.ts";

const VALUE_EMBEDDING = halves + element + inputOf + valueMain;
const VALUE_BACKWARD_GATES = halves + element + inputOf + gatesMain;
const VALUE_BACKWARD_INPUT = element + inputMain;
const VALUE_BACKWARD_GATE = halves + inputOf + reduce + gateMain;

/** Template values for the input of the gates, whose numbers are read one by one. */
function inputValues(x: Tensor) {
  const isHalf = bytesOf(x.dtype) === 2;
  return { HALF_X: isHalf, ...storage("X", x, isHalf ? 4 : 1) };
}

/** See {@link Operations}. */
export function valueEmbeddingOperations(
  gpu: Gpu,
): Pick<Operations, "addValueEmbedding" | "addValueEmbeddingBackward"> {
  return {
    addValueEmbedding({ v, table, ids, x, gate, scale = 3 }) {
      const [Hkv, G] = gate.shape;
      const [V, columns] = rowsOf(table);
      const WIDTH = widthFor(columns / Hkv);
      const stored = { ...storage("V", v, WIDTH), ...storage("TABLE", table, WIDTH) };
      const kernel = gpu.kernel(VALUE_EMBEDDING, { WIDTH, ...stored, ...inputValues(x) });
      const count = v.size / WIDTH;
      const sizes = { columns: columns / WIDTH, headColumns: columns / Hkv / WIDTH };
      for (const { start: firstRow, count: rows, slices } of gpu.split(V, { table })) {
        const uniforms = { count, ...sizes, C: rowsOf(x)[1], G, firstRow, rows, scale };
        const bindings = { v, table: slices.table, ids, x, gate };
        gpu.run(kernel, bindings, uniforms, Math.ceil(count / WORKGROUP));
      }
    },

    addValueEmbeddingBackward(args) {
      const { dx, dgate, dtable, dv, table, ids, groups, x, gate, scale = 3 } = args;
      const [heads, G] = gate.shape;
      const [N, C] = rowsOf(x);
      const [V, columns] = rowsOf(table);
      const gates = gpu.scratch(2 * N * heads);
      const WIDTH = widthFor(columns / heads);
      const stored = { ...storage("TABLE", table, WIDTH), ...inputValues(x) };
      const gatesKernel = gpu.kernel(VALUE_BACKWARD_GATES, { WIDTH, ...stored });
      const headColumns = columns / heads / WIDTH;
      for (const { start: firstRow, count: rows, slices } of gpu.split(V, { table })) {
        const uniforms = { count: N * heads, heads, headColumns, C, G, firstRow, rows, scale };
        const bindings = { gates, dv, table: slices.table, ids, x, gate };
        gpu.run(gatesKernel, bindings, uniforms, Math.ceil(N * heads / WORKGROUP));
      }
      addByToken(gpu, dtable, dv, groups, { gates, heads });
      const inputKernel = gpu.kernel(VALUE_BACKWARD_INPUT, { WIDTH: 1 });
      const inputs = { count: N * G, heads, C, G };
      gpu.run(inputKernel, { dx, gates, gate }, inputs, Math.ceil(N * G / WORKGROUP));
      const gateKernel = gpu.kernel(VALUE_BACKWARD_GATE, inputValues(x));
      gpu.run(gateKernel, { dgate, gates, x }, { rows: N, heads, C, G }, heads * G);
    },
  };
}
