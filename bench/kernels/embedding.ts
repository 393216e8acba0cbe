/** Embeddings of tokens and of values. */
import { type Case, type Cases, LEAST_ROWS, type ModelShape } from "./case.ts";

/** Channels that the gate of a value embedding reads. */
const GATE = 12;

type EmbeddingOperations =
  | "embedding"
  | "embeddingBackward"
  | "bigramIds"
  | "addValueEmbedding"
  | "addValueEmbeddingBackward";

/** See {@link Cases}. Of the tables only the rows of the text's tokens are moved. */
export function embeddingCases({ C, H, D, T, V }: ModelShape): Pick<Cases, EmbeddingOperations> {
  const rows = (prepare: Case["prepare"]): Case[] => [
    { label: "", dimension: "N", least: LEAST_ROWS, full: T, prepare },
  ];
  return {
    embedding: rows((bench, N) => {
      const table = bench.numbers(V, C), out = bench.zeros(N, C);
      const { ids, groups } = bench.text(N, V);
      return {
        run: (device) => device.embedding({ out, table, ids }),
        flops: 0,
        moved: [ids, { size: groups.count * C }, out],
        results: [out],
      };
    }),

    embeddingBackward: rows((bench, N) => {
      const dtable = bench.zeros(V, C), dout = bench.numbers(N, C);
      const { groups } = bench.text(N, V);
      const touched = { size: groups.count * C };
      return {
        run: (device) => device.embeddingBackward({ dtable, dout, groups }),
        flops: dout.size,
        moved: [dout, groups.rows, touched, touched],
        results: [dtable],
      };
    }),

    bigramIds: rows((bench, N) => {
      const { ids } = bench.text(N, V), out = bench.text(N, V).ids, previous = bench.zeros(1);
      return {
        run: (device) => device.bigramIds({ out, ids, previous, buckets: 5 * V }),
        flops: 4 * N,
        moved: [ids, out],
        results: [out],
      };
    }),

    addValueEmbedding: rows((bench, N) => {
      const table = bench.numbers(V, C), v = bench.numbers(N, H, D);
      const x = bench.numbers(N, C), gate = bench.numbers(H, GATE);
      const { ids, groups } = bench.text(N, V);
      return {
        run: (device) => device.addValueEmbedding({ v, table, ids, x, gate }),
        flops: 2 * v.size,
        moved: [ids, { size: groups.count * C }, { size: N * GATE }, gate, v, v],
        results: [v],
      };
    }),

    addValueEmbeddingBackward: rows((bench, N) => {
      const table = bench.numbers(V, C), dtable = bench.zeros(V, C);
      const dv = bench.numbers(N, H, D), x = bench.numbers(N, C), gate = bench.numbers(H, GATE);
      const dx = bench.numbers(N, C), dgate = bench.zeros(H, GATE);
      const { ids, groups } = bench.text(N, V);
      const touched = { size: groups.count * C }, gated = { size: N * GATE };
      const args = { dx, dgate, dtable, dv, table, ids, groups, x, gate };
      return {
        run: (device) => device.addValueEmbeddingBackward(args),
        flops: 4 * dv.size,
        moved: [dv, ids, groups.rows, touched, touched, touched, gated, gated, gated],
        results: [dx, dgate, dtable],
      };
    }),
  };
}
