/**
 * Operations on rows that are chosen by an index.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import { partialRows, type Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** Operations of this file. */
type Names =
  | "embedding"
  | "embeddingBackward"
  | "addValueEmbedding"
  | "addValueEmbeddingBackward"
  | "gatherRows"
  | "scatterRows"
  | "appendCache";

/** {@link Operations} with an index, in WebAssembly. */
export function embeddingOperations(pool: Pool): Pick<Operations, Names> {
  const gatherRows = pool.kernel("gatherRows");
  const scatterRows = pool.kernel("scatterRows");
  const embeddingBackward = pool.kernel("embeddingBackward");
  const addValueEmbedding = pool.kernel("addValueEmbedding");
  const addValueEmbeddingBackward = pool.kernel("addValueEmbeddingBackward");
  const appendCache = pool.kernel("appendCache");

  return {
    embedding: ({ out, table, ids }) => {
      const [limit, columns] = rowsOf(table);
      checkShapes(out.size === ids.size * columns, "embedding", out, table, ids);
      gatherRows(at(out), at(table), at(ids), ids.size, columns, limit);
    },
    embeddingBackward: ({ dtable, dout, groups }) => {
      const { tokens, starts, rows, count } = groups;
      const columns = rowsOf(dtable)[1];
      checkShapes(rowsOf(dout)[1] === columns, "embeddingBackward", dtable, dout);
      embeddingBackward(at(dtable), at(dout), at(tokens), at(starts), at(rows), count, columns);
    },
    addValueEmbedding: ({ v, table, ids, x, gate }) => {
      const [heads, gateSize] = gate.shape, [rows, columns] = rowsOf(x);
      const headSize = v.size / rows / heads;
      checkShapes(rowsOf(table)[1] === heads * headSize, "addValueEmbedding", v, table, gate, x);
      const sizes = [rows, heads, headSize, columns, gateSize];
      addValueEmbedding(at(v), at(table), at(ids), at(x), at(gate), ...sizes);
    },
    addValueEmbeddingBackward: ({ dx, dgate, dtable, dv, table, ids, groups, x, gate }) => {
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
        ...[rows, heads, headSize, columns, gateSize],
      );
    },
    gatherRows: ({ out, x, index, start = 0 }) => {
      const [rows, columns] = rowsOf(out), [limit] = rowsOf(x);
      checkShapes(rowsOf(x)[1] === columns, "gatherRows", out, x);
      checkShapes(start + rows <= index.size, "gatherRows", out, index);
      gatherRows(at(out), at(x), at(index) + 4 * start, rows, columns, limit);
    },
    scatterRows: ({ out, x, index, start = 0 }) => {
      const [rows, columns] = rowsOf(x), [limit] = rowsOf(out);
      checkShapes(rowsOf(out)[1] === columns, "scatterRows", out, x);
      checkShapes(start + rows <= index.size, "scatterRows", x, index);
      scatterRows(at(out), at(x), at(index) + 4 * start, rows, columns, limit);
    },
    appendCache: ({ cache, x, positions }) => {
      const [B, T, Hkv, D] = x.shape, [cacheB, S] = cache.shape;
      checkShapes(B === cacheB && cache.size === B * S * Hkv * D, "appendCache", cache, x);
      appendCache(at(cache), at(x), at(positions), B, T, S, Hkv * D);
    },
  };
}
