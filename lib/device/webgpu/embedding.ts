/**
 * Token embeddings, value embeddings, and rows taken by index.
 *
 * @module
 */
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import embeddingMain from "../../../kernels/webgpu/embedding.wgsl" with { type: "text" };
import backwardMain from "../../../kernels/webgpu/embedding_backward.wgsl" with { type: "text" };
import gatherRowsMain from "../../../kernels/webgpu/gather_rows.wgsl" with { type: "text" };
import reduce from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
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
import type { Operations, TokenGroups } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Tensor } from "../tensor.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu, Slice } from "./gpu.ts";

const EMBEDDING = element + embeddingMain;
const EMBEDDING_BACKWARD = element + backwardMain;
const GATHER_ROWS = element + gatherRowsMain;
const VALUE_EMBEDDING = element + valueMain;
const VALUE_BACKWARD_GATES = element + gatesMain;
const VALUE_BACKWARD_INPUT = element + inputMain;
const VALUE_BACKWARD_GATE = reduce + gateMain;

type EmbeddingOperations = Pick<
  Operations,
  | "embedding"
  | "embeddingBackward"
  | "addValueEmbedding"
  | "addValueEmbeddingBackward"
  | "gatherRows"
  | "scatterRows"
>;

/** See {@link Operations}. */
export function embeddingOperations(gpu: Gpu): EmbeddingOperations {
  return {
    embedding({ out, table, ids }) {
      const [V, columns] = rowsOf(table);
      checkShapes(out.size === ids.size * columns, "embedding", out, table, ids);
      const WIDTH = widthFor(columns);
      const kernel = gpu.kernel(EMBEDDING, { WIDTH });
      for (const { start: firstRow, count: rows, slices } of gpu.split(V, { table })) {
        for (const part of gpu.split(ids.size, { out })) {
          const count = part.count * columns / WIDTH;
          const uniforms = {
            count,
            columns: columns / WIDTH,
            firstOut: part.start,
            firstRow,
            rows,
          };
          const bindings = { out: part.slices.out, table: slices.table, ids };
          gpu.run(kernel, bindings, uniforms, Math.ceil(count / WORKGROUP));
        }
      }
    },

    embeddingBackward({ dtable, dout, groups }) {
      addByToken(gpu, dtable, dout, groups);
    },

    addValueEmbedding({ v, table, ids, x, gate }) {
      const [Hkv, G] = gate.shape;
      const [V, columns] = rowsOf(table);
      const WIDTH = widthFor(columns / Hkv);
      const kernel = gpu.kernel(VALUE_EMBEDDING, { WIDTH });
      const count = v.size / WIDTH;
      const sizes = { columns: columns / WIDTH, headColumns: columns / Hkv / WIDTH };
      for (const { start: firstRow, count: rows, slices } of gpu.split(V, { table })) {
        const uniforms = { count, ...sizes, C: rowsOf(x)[1], G, firstRow, rows };
        const bindings = { v, table: slices.table, ids, x, gate };
        gpu.run(kernel, bindings, uniforms, Math.ceil(count / WORKGROUP));
      }
    },

    addValueEmbeddingBackward({ dx, dgate, dtable, dv, table, ids, groups, x, gate }) {
      const [heads, G] = gate.shape;
      const [N, C] = rowsOf(x);
      const [V, columns] = rowsOf(table);
      const gates = gpu.scratch(2 * N * heads);
      const WIDTH = widthFor(columns / heads);
      const gatesKernel = gpu.kernel(VALUE_BACKWARD_GATES, { WIDTH });
      const headColumns = columns / heads / WIDTH;
      for (const { start: firstRow, count: rows, slices } of gpu.split(V, { table })) {
        const uniforms = { count: N * heads, heads, headColumns, C, G, firstRow, rows };
        const bindings = { gates, dv, table: slices.table, ids, x, gate };
        gpu.run(gatesKernel, bindings, uniforms, Math.ceil(N * heads / WORKGROUP));
      }
      addByToken(gpu, dtable, dv, groups, { gates, heads });
      const inputKernel = gpu.kernel(VALUE_BACKWARD_INPUT, { WIDTH: 1 });
      const inputs = { count: N * G, heads, C, G };
      gpu.run(inputKernel, { dx, gates, gate }, inputs, Math.ceil(N * G / WORKGROUP));
      const gateKernel = gpu.kernel(VALUE_BACKWARD_GATE);
      gpu.run(gateKernel, { dgate, gates, x }, { rows: N, heads, C, G }, heads * G);
    },

    gatherRows({ out, x, index, start = 0 }) {
      moveRows(gpu, out, x, index, start, false);
    },

    scatterRows({ out, x, index, start = 0 }) {
      moveRows(gpu, out, x, index, start, true);
    },
  };
}

/** dtable[token] += Σ dout[n], where `weights` are given times weights[n, head]. */
function addByToken(
  gpu: Gpu,
  dtable: Tensor,
  dout: Tensor,
  groups: TokenGroups,
  weights?: { gates: Slice; heads: number },
): void {
  const [V, columns] = rowsOf(dtable);
  checkShapes(dout.size === groups.rows.size * columns, "embeddingBackward", dtable, dout);
  const headLength = columns / (weights?.heads ?? 1);
  const WIDTH = widthFor(headLength);
  const kernel = gpu.kernel(EMBEDDING_BACKWARD, { WIDTH, WEIGHTS: weights !== undefined });
  const sizes = { columns: columns / WIDTH, headColumns: headLength / WIDTH };
  const { tokens, starts, rows: members } = groups;
  const inputs = { dout, tokens, starts, members, weights: weights?.gates };
  for (const { start: firstRow, count: rows, slices } of gpu.split(V, { dtable })) {
    const uniforms = { ...sizes, tokens: groups.count, firstRow, rows };
    const bindings = { dtable: slices.dtable, ...inputs };
    gpu.run(kernel, bindings, uniforms, groups.count * Math.ceil(sizes.columns / 32));
  }
}

function moveRows(
  gpu: Gpu,
  out: Tensor,
  x: Tensor,
  index: Tensor,
  start: number,
  SCATTER: boolean,
): void {
  const [, length] = rowsOf(x);
  checkShapes(rowsOf(out)[1] === length, SCATTER ? "scatterRows" : "gatherRows", out, x);
  const WIDTH = widthFor(length);
  const kernel = gpu.kernel(GATHER_ROWS, { WIDTH, SCATTER });
  const count = (SCATTER ? x.size : out.size) / WIDTH;
  const uniforms = { count, columns: length / WIDTH, start };
  gpu.run(kernel, { out, x, index }, uniforms, Math.ceil(count / WORKGROUP));
}
