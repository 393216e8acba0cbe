/** Attention in float64, one query at a time, with whole rows of scores. */
import type { Operations, Tensor } from "../../lib/device/mod.ts";
import { PAGE_ROWS } from "../../lib/device/attention.ts";
import { attentionSizes } from "../../lib/device/shapes.ts";
import { data } from "./float64_tensor.ts";

type Args<K extends keyof Operations> = Parameters<Operations[K]>[0];

/** Where the key of a sequence's row s lies, for a head. */
type KeyAt = (s: number) => number;

/** Scores and probabilities of one query: keys first..last, with the log of the sum. */
function probabilities(
  q: Float64Array,
  qBase: number,
  k: Float64Array,
  keyAt: KeyAt,
  D: number,
  first: number,
  last: number,
): { p: Float64Array; lse: number } {
  const p = new Float64Array(last - first + 1);
  let max = -Infinity;
  for (let s = first; s <= last; s++) {
    const at = keyAt(s);
    let dot = 0;
    for (let d = 0; d < D; d++) dot += q[qBase + d] * k[at + d];
    p[s - first] = dot / Math.sqrt(D);
    max = Math.max(max, p[s - first]);
  }
  let total = 0;
  for (let i = 0; i < p.length; i++) total += p[i] = Math.exp(p[i] - max);
  for (let i = 0; i < p.length; i++) p[i] /= total;
  return { p, lse: max + Math.log(total) };
}

/** Where the keys of sequence b lie, for a key/value head. */
type KeysOf = (b: number, kvHead: number) => KeyAt;

function forward(
  outT: Tensor,
  qT: Tensor,
  { k, v, Hkv, keysOf }: { k: Float64Array; v: Float64Array; Hkv: number; keysOf: KeysOf },
  window: number,
  { lse, positions, starts }: Partial<Record<"lse" | "positions" | "starts", Float64Array>>,
): void {
  const [B, T, H, D] = qT.shape;
  const [out, q] = [outT, qT].map(data);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const keyAt = keysOf(b, Math.floor(h / (H / Hkv)));
      for (let t = 0; t < T; t++) {
        const qBase = ((b * T + t) * H + h) * D;
        const last = (positions?.[b] ?? 0) + t;
        const first = Math.max(0, last - window, starts?.[b * T + t] ?? 0);
        const row = probabilities(q, qBase, k, keyAt, D, first, last);
        for (let d = 0; d < D; d++) {
          let sum = 0;
          row.p.forEach((p, i) => sum += p * v[keyAt(first + i) + d]);
          out[qBase + d] = sum;
        }
        if (lse) lse[(b * H + h) * T + t] = row.lse;
      }
    }
  }
}

/** Keys (B, S, Hkv, D) as they lie. */
function rowsInOrder(k: Tensor): KeysOf {
  const [, S, Hkv, D] = k.shape;
  return (b, kvHead) => (s) => ((b * S + s) * Hkv + kvHead) * D;
}

/** Where row p of sequence b lies among all rows of the caches. */
function rowInPages(pages: Tensor, b: number, p: number): number {
  return data(pages)[b * pages.shape[1] + Math.floor(p / PAGE_ROWS)] * PAGE_ROWS + p % PAGE_ROWS;
}

export function attention(args: Args<"attention">): void {
  const { out, lse, q, k, v, window, starts } = args;
  const keys = { k: data(k), v: data(v), Hkv: k.shape[2], keysOf: rowsInOrder(k) };
  forward(out, q, keys, window, { lse: data(lse), starts: starts && data(starts) });
}

export function attentionWithCache(args: Args<"attentionWithCache">): void {
  const { out, q, kCache, vCache, pages, positions, window } = args;
  const [, , Hkv, D] = kCache.shape;
  const keysOf: KeysOf = (b, kvHead) => (s) => (rowInPages(pages, b, s) * Hkv + kvHead) * D;
  const keys = { k: data(kCache), v: data(vCache), Hkv, keysOf };
  forward(out, q, keys, window, { positions: data(positions) });
}

export function attentionBackward(args: Args<"attentionBackward">): void {
  const { B, T, H, Hkv, D } = attentionSizes(args.q, args.k);
  const [q, k, v, dout, out] = [args.q, args.k, args.v, args.dout, args.out].map(data);
  const [dq, dk, dv] = [args.dq, args.dk, args.dv].map(data);
  const starts = args.starts && data(args.starts);
  dq.fill(0), dk.fill(0), dv.fill(0);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const keyAt = rowsInOrder(args.k)(b, Math.floor(h / (H / Hkv)));
      for (let t = 0; t < T; t++) {
        const qBase = ((b * T + t) * H + h) * D;
        const first = Math.max(0, t - args.window, starts?.[b * T + t] ?? 0);
        const { p } = probabilities(q, qBase, k, keyAt, D, first, t);
        const dp = p.map((_, i) => {
          let dot = 0;
          for (let d = 0; d < D; d++) dot += dout[qBase + d] * v[keyAt(first + i) + d];
          return dot;
        });
        // The mean of dp, as what the forward pass kept gives it.
        let mean = 0;
        for (let d = 0; d < D; d++) mean += dout[qBase + d] * out[qBase + d];
        p.forEach((pi, i) => {
          const key = keyAt(first + i);
          const ds = pi * (dp[i] - mean) / Math.sqrt(D);
          for (let d = 0; d < D; d++) {
            dv[key + d] += pi * dout[qBase + d];
            dk[key + d] += ds * q[qBase + d];
            dq[qBase + d] += ds * k[key + d];
          }
        });
      }
    }
  }
}

/** Of what is rotated and normalised already: see {@link Float64Device.appendCache}. */
export function appendCache(
  cache: Tensor,
  x: Tensor,
  { pages, positions }: { pages: Tensor; positions: Tensor },
): void {
  const [B, T] = x.shape, row = x.size / (B * T);
  const [to, from] = [cache, x].map(data);
  for (let i = 0; i < B * T; i++) {
    const b = Math.floor(i / T), place = rowInPages(pages, b, data(positions)[b] + i % T);
    to.set(from.subarray(i * row, (i + 1) * row), place * row);
  }
}
