/**
 * Embeddings, and other rows that are chosen by an index.
 *
 * @module
 */
import addElementsMain from "../../../kernels/webgpu/add_elements.wgsl" with { type: "text" };
import bigramIdsMain from "../../../kernels/webgpu/bigram_ids.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import embeddingMain from "../../../kernels/webgpu/embedding.wgsl" with { type: "text" };
import backwardMain from "../../../kernels/webgpu/embedding_backward.wgsl" with { type: "text" };
import gatherRowsMain from "../../../kernels/webgpu/gather_rows.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import type { Operations, TokenGroups } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Tensor } from "../tensor.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu, Slice } from "./gpu.ts";
import { storage } from "./storage.ts";

const ADD_ELEMENTS = element + addElementsMain;
const EMBEDDING = halves + element + embeddingMain;
const EMBEDDING_BACKWARD = halves + element + backwardMain;
const GATHER_ROWS = element + gatherRowsMain;

/** Operations of this file. */
type Names =
  | "embedding"
  | "embeddingBackward"
  | "bigramIds"
  | "gatherRows"
  | "scatterRows"
  | "addElements";

/** See {@link Operations}. */
export function embeddingOperations(gpu: Gpu): Pick<Operations, Names> {
  return {
    embedding({ out, table, ids }) {
      const [V, columns] = rowsOf(table);
      checkShapes(out.size === ids.size * columns, "embedding", out, table, ids);
      const WIDTH = widthFor(columns);
      const kernel = gpu.kernel(EMBEDDING, { WIDTH, ...storage("TABLE", table, WIDTH) });
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

    bigramIds({ out, ids, previous, buckets }) {
      const B = previous.size, T = ids.size / B;
      checkShapes(out.size === ids.size && Number.isInteger(T), "bigramIds", out, ids, previous);
      const bindings = { out, ids, previous };
      gpu.run(gpu.kernel(bigramIdsMain), bindings, { B, T, buckets }, Math.ceil(B / WORKGROUP));
    },

    gatherRows({ out, x, index, start = 0 }) {
      moveRows(gpu, out, x, index, start, false);
    },

    scatterRows({ out, x, index, start = 0 }) {
      moveRows(gpu, out, x, index, start, true);
    },

    addElements({ x, index, values, count }) {
      checkShapes(count <= Math.min(index.size, values.size), "addElements", x, index, values);
      const kernel = gpu.kernel(ADD_ELEMENTS, { WIDTH: 1 });
      gpu.run(kernel, { x, index, values }, { count }, Math.ceil(count / WORKGROUP));
    },
  };
}

/** dtable[token] += Σ dout[n], where `weights` are given times weights[n, head]. */
export function addByToken(
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
  const values = { WIDTH, WEIGHTS: weights !== undefined, ...storage("DTABLE", dtable, WIDTH) };
  const kernel = gpu.kernel(EMBEDDING_BACKWARD, values);
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
  const fits = rowsOf(out)[1] === length && out.dtype === x.dtype;
  checkShapes(fits, SCATTER ? "scatterRows" : "gatherRows", out, x);
  const WIDTH = widthFor(length);
  const kernel = gpu.kernel(GATHER_ROWS, { WIDTH, SCATTER, ...storage("X", x, WIDTH) });
  const count = (SCATTER ? x.size : out.size) / WIDTH;
  const uniforms = { count, columns: length / WIDTH, start };
  gpu.run(kernel, { out, x, index }, uniforms, Math.ceil(count / WORKGROUP));
}
