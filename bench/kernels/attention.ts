/** Attention of a training step, of a prompt, and of writing text. */
import { PAGE_ROWS, type Tensor } from "../../lib/device/mod.ts";
import type { Case, Cases, ModelShape, Workbench } from "./case.ts";

/** See {@link Cases}. */
export function attentionCases(
  shape: ModelShape,
): Pick<Cases, "attention" | "attentionBackward" | "attentionWithCache" | "appendCache"> {
  const { H, D, T: full } = shape;
  const windows = [["window T", 1], ["window T/4", 1 / 4]] as const;
  const inputs = (bench: Workbench, T: number) => ({
    q: bench.numbers(1, T, H, D),
    k: bench.numbers(1, T, H, D),
    v: bench.numbers(1, T, H, D),
  });
  const positions = { dimension: "T", least: 64, full } as const;
  return {
    attention: windows.map(([label, part]) => ({
      label,
      ...positions,
      prepare(bench, T) {
        const { q, k, v } = inputs(bench, T);
        const out = bench.zeros(1, T, H, D), lse = bench.zeros(1, H, T);
        const window = Math.ceil(part * T);
        return {
          run: (device) => device.attention({ out, lse, q, k, v, window }),
          flops: 4 * D * H * pairs(T, window),
          moved: [q, k, v, out, lse],
          results: [out, lse],
        };
      },
    })),

    attentionBackward: windows.map(([label, part]) => ({
      label,
      ...positions,
      prepare(bench, T) {
        const { q, k, v } = inputs(bench, T);
        const out = bench.numbers(1, T, H, D), dout = bench.numbers(1, T, H, D);
        const window = Math.ceil(part * T);
        const lse = bench.numbers(1, H, T);
        const delta = bench.zeros(1, H, T);
        const [dq, dk, dv] = [1, 2, 3].map(() => bench.zeros(1, T, H, D));
        const args = { dq, dk, dv, delta, dout, out, lse, q, k, v, window };
        return {
          run: (device) => device.attentionBackward(args),
          flops: 10 * D * H * pairs(T, window),
          moved: [q, k, v, out, dout, lse, dq, dk, dv],
          results: [dq, dk, dv],
        };
      },
    })),

    attentionWithCache: [prompt(shape), decoding(shape, 1), decoding(shape, 8)],

    appendCache: [{
      label: "",
      dimension: "B",
      least: 8,
      full: 8,
      prepare(bench, B) {
        const [q, k, v] = [1, 2, 3].map(() => bench.numbers(B, 1, H, D));
        const N = full / PAGE_ROWS;
        const [kCache, vCache] = [1, 2].map(() => bench.zeros(B * N, PAGE_ROWS, H, D));
        const pages = pagesOf(bench, B, N);
        const [cos, sin] = [1, 2].map(() => bench.numbers(full, D / 2));
        const last = bench.integers(new Int32Array(B).fill(full - 1));
        const args = { q, k, v, kCache, vCache, pages, positions: last, cos, sin, scale: 1.2 };
        return {
          run: (device) => device.appendCache(args),
          flops: 12 * q.size,
          moved: [q, q, k, k, v, v, last],
          results: [q, kCache, vCache],
        };
      },
    }],
  };
}

/** A prompt that fills the cache of one sequence. */
function prompt({ H, D, T: full }: ModelShape): Case {
  return {
    label: "a prompt",
    dimension: "T",
    least: 64,
    full,
    prepare(bench, T) {
      const q = bench.numbers(1, T, H, D), out = bench.zeros(1, T, H, D);
      const N = Math.ceil(T / PAGE_ROWS), pages = pagesOf(bench, 1, N);
      const [kCache, vCache] = [1, 2].map(() => bench.numbers(N, PAGE_ROWS, H, D));
      const positions = bench.integers(Int32Array.of(0));
      const args = { out, q, kCache, vCache, pages, positions, window: full };
      return {
        run: (device) => device.attentionWithCache(args),
        flops: 4 * D * H * pairs(T, full),
        moved: [q, kCache, vCache, positions, out],
        results: [out],
      };
    },
  };
}

/** The last token of B full caches. */
function decoding({ H, D, T: S }: ModelShape, sequences: number): Case {
  return {
    label: `a token after ${S - 1}`,
    dimension: "B",
    least: sequences,
    full: sequences,
    prepare(bench, B) {
      const q = bench.numbers(B, 1, H, D), out = bench.zeros(B, 1, H, D);
      const N = S / PAGE_ROWS, pages = pagesOf(bench, B, N);
      const [kCache, vCache] = [1, 2].map(() => bench.numbers(B * N, PAGE_ROWS, H, D));
      const positions = bench.integers(new Int32Array(B).fill(S - 1));
      const args = { out, q, kCache, vCache, pages, positions, window: S };
      return {
        run: (device) => device.attentionWithCache(args),
        flops: 4 * D * H * B * S,
        moved: [q, kCache, vCache, positions, out],
        results: [out],
      };
    },
  };
}

/** int32 (B, N) Pages of sequences, dealt to them in turn. */
function pagesOf(bench: Workbench, B: number, N: number): Tensor {
  const pages = Int32Array.from({ length: B * N }, (_, i) => i % N * B + Math.floor(i / N));
  return bench.integers(pages, [B, N]);
}

/** Pairs of positions of which one sees the other. */
function pairs(T: number, window: number): number {
  const seen = Math.min(window, T - 1);
  return T * (seen + 1) - seen * (seen + 1) / 2;
}
