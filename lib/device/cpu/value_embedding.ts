/**
 * Value embeddings: gated embeddings that are added to the values of attention.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import { partialRows, type Pool } from "./pool.ts";
import { at, isBfloat16, weightsAt } from "./tensor.ts";

/** Value embedding {@link Operations} in WebAssembly. */
export function valueEmbeddingOperations(
  pool: Pool,
): Pick<Operations, "addValueEmbedding" | "addValueEmbeddingBackward"> {
  const addValueEmbedding = pool.kernel("addValueEmbedding");
  const addValueEmbeddingBackward = pool.kernel("addValueEmbeddingBackward");

  return {
    addValueEmbedding: ({ v, table, ids, x, gate, scale = 3 }) => {
      const [heads, gateSize] = gate.shape, [rows, columns] = rowsOf(x);
      const headSize = v.size / rows / heads;
      checkShapes(rowsOf(table)[1] === heads * headSize, "addValueEmbedding", v, table, gate, x);
      const tensors = [at(v), weightsAt(table), at(ids), at(x), at(gate)];
      const sizes = [rows, heads, headSize, columns, gateSize];
      addValueEmbedding(...tensors, ...sizes, scale, isBfloat16(table));
    },
    addValueEmbeddingBackward: (args) => {
      const { dx, dgate, dtable, dv, table, ids, groups, x, gate, scale = 3 } = args;
      const [heads, gateSize] = gate.shape, [rows, columns] = rowsOf(x);
      const headSize = dv.size / rows / heads;
      const fits = rowsOf(table)[1] === heads * headSize && dx.size === x.size;
      checkShapes(fits, "addValueEmbeddingBackward", dv, table, gate, x, dx);
      const items = partialRows(rows, heads * headSize);
      const partials = pool.sharedBuffer(4 * items * heads * gateSize);
      const { tokens, starts, rows: order, count } = groups;
      addValueEmbeddingBackward(
        ...[dx, dgate, dtable, dv, table, ids, tokens, starts, order].map(at),
        ...[count, at(x), at(gate), partials],
        ...[rows, heads, headSize, columns, gateSize, scale],
      );
    },
  };
}
