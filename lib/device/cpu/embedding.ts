/**
 * Embeddings, and other rows that are chosen by an index.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { bigramHash } from "../bigram_hash.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { CpuMemory } from "./memory.ts";
import type { Pool } from "./pool.ts";
import { at, isBfloat16, weightsAt } from "./tensor.ts";

/** Operations of this file. */
type Names =
  | "embedding"
  | "embeddingBackward"
  | "bigramIds"
  | "gatherRows"
  | "scatterRows"
  | "addElements";

/** Embedding {@link Operations} in WebAssembly. */
export function embeddingOperations(pool: Pool, memory: CpuMemory): Pick<Operations, Names> {
  const gatherRows = pool.kernel("gatherRows");
  const scatterRows = pool.kernel("scatterRows");
  const embeddingBackward = pool.kernel("embeddingBackward");
  const addElements = pool.kernel("addElements");

  return {
    embedding: ({ out, table, ids }) => {
      const [limit, columns] = rowsOf(table);
      checkShapes(out.size === ids.size * columns, "embedding", out, table, ids);
      const sizes = [ids.size, columns, limit];
      gatherRows(at(out), weightsAt(table), at(ids), ...sizes, isBfloat16(table));
    },
    embeddingBackward: ({ dtable, dout, groups }) => {
      const { tokens, starts, rows, count } = groups;
      const columns = rowsOf(dtable)[1];
      checkShapes(rowsOf(dout)[1] === columns, "embeddingBackward", dtable, dout);
      embeddingBackward(at(dtable), at(dout), at(tokens), at(starts), at(rows), count, columns);
    },
    bigramIds: ({ out, ids, previous, buckets }) => {
      const B = previous.size, T = ids.size / B;
      checkShapes(out.size === ids.size && Number.isInteger(T), "bigramIds", out, ids, previous);
      const before = memory.float32(at(previous), B);
      for (let b = 0; b < B; b++) {
        const row = memory.int32(at(ids) + 4 * b * T, T);
        memory.int32(at(out) + 4 * b * T, T).set(
          row.map((id, t) => bigramHash(id, t === 0 ? before[b] : row[t - 1], buckets)),
        );
        before[b] = row[T - 1];
      }
    },
    gatherRows: ({ out, x, index, start = 0 }) => {
      const [rows, columns] = rowsOf(out), [limit] = rowsOf(x);
      checkShapes(rowsOf(x)[1] === columns, "gatherRows", out, x);
      checkShapes(start + rows <= index.size, "gatherRows", out, index);
      const sizes = [rows, columns, limit];
      gatherRows(at(out), weightsAt(x), at(index) + 4 * start, ...sizes, isBfloat16(x));
    },
    scatterRows: ({ out, x, index, start = 0 }) => {
      const [rows, columns] = rowsOf(x), [limit] = rowsOf(out);
      checkShapes(rowsOf(out)[1] === columns, "scatterRows", out, x);
      checkShapes(start + rows <= index.size, "scatterRows", x, index);
      scatterRows(at(out), at(x), at(index) + 4 * start, rows, columns, limit);
    },
    addElements: ({ x, index, values, count }) => {
      checkShapes(count <= Math.min(index.size, values.size), "addElements", x, index, values);
      addElements(at(x), at(index), at(values), count, x.size);
    },
  };
}
