/** Attention in float64, one query at a time, with whole rows of scores. */
import type { Operations, Tensor } from "../../lib/device/mod.ts";
import { attentionSizes } from "../../lib/device/shapes.ts";
import { data } from "./float64_tensor.ts";

type Args<K extends keyof Operations> = Parameters<Operations[K]>[0];

/** Scores and probabilities of one query: keys first..last, with the log of the sum. */
function probabilities(
  q: Float64Array,
  qBase: number,
  k: Float64Array,
  kBase: number,
  kStride: number,
  D: number,
  first: number,
  last: number,
): { p: Float64Array; lse: number } {
  const p = new Float64Array(last - first + 1);
  let max = -Infinity;
  for (let s = first; s <= last; s++) {
    let dot = 0;
    for (let d = 0; d < D; d++) dot += q[qBase + d] * k[kBase + s * kStride + d];
    p[s - first] = dot / Math.sqrt(D);
    max = Math.max(max, p[s - first]);
  }
  let total = 0;
  for (let i = 0; i < p.length; i++) total += p[i] = Math.exp(p[i] - max);
  for (let i = 0; i < p.length; i++) p[i] /= total;
  return { p, lse: max + Math.log(total) };
}

function forward(
  outT: Tensor,
  qT: Tensor,
  kT: Tensor,
  vT: Tensor,
  window: number,
  { lse, positions, starts }: Partial<Record<"lse" | "positions" | "starts", Float64Array>>,
): void {
  const { B, T, S, H, Hkv, D } = attentionSizes(qT, kT);
  const [out, q, k, v] = [outT, qT, kT, vT].map(data);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kBase = (b * S * Hkv + Math.floor(h / (H / Hkv))) * D;
      for (let t = 0; t < T; t++) {
        const qBase = ((b * T + t) * H + h) * D;
        const last = (positions?.[b] ?? 0) + t;
        const first = Math.max(0, last - window, starts?.[b * T + t] ?? 0);
        const row = probabilities(q, qBase, k, kBase, Hkv * D, D, first, last);
        for (let d = 0; d < D; d++) {
          let sum = 0;
          row.p.forEach((p, i) => sum += p * v[kBase + (first + i) * Hkv * D + d]);
          out[qBase + d] = sum;
        }
        if (lse) lse[(b * H + h) * T + t] = row.lse;
      }
    }
  }
}

export function attention(args: Args<"attention">): void {
  const { out, lse, q, k, v, window, starts } = args;
  forward(out, q, k, v, window, { lse: data(lse), starts: starts && data(starts) });
}

export function attentionWithCache(args: Args<"attentionWithCache">): void {
  const { out, q, kCache, vCache, window, positions } = args;
  forward(out, q, kCache, vCache, window, { positions: data(positions) });
}

export function attentionBackward(args: Args<"attentionBackward">): void {
  const { B, T, H, Hkv, D } = attentionSizes(args.q, args.k);
  const [q, k, v, dout, out] = [args.q, args.k, args.v, args.dout, args.out].map(data);
  const [dq, dk, dv] = [args.dq, args.dk, args.dv].map(data);
  const starts = args.starts && data(args.starts);
  dq.fill(0), dk.fill(0), dv.fill(0);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kBase = (b * T * Hkv + Math.floor(h / (H / Hkv))) * D;
      const stride = Hkv * D;
      for (let t = 0; t < T; t++) {
        const qBase = ((b * T + t) * H + h) * D;
        const first = Math.max(0, t - args.window, starts?.[b * T + t] ?? 0);
        const { p } = probabilities(q, qBase, k, kBase, stride, D, first, t);
        const dp = p.map((_, i) => {
          let dot = 0;
          for (let d = 0; d < D; d++) dot += dout[qBase + d] * v[kBase + (first + i) * stride + d];
          return dot;
        });
        // The mean of dp, as what the forward pass kept gives it.
        let mean = 0;
        for (let d = 0; d < D; d++) mean += dout[qBase + d] * out[qBase + d];
        p.forEach((pi, i) => {
          const key = kBase + (first + i) * stride;
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
export function appendCache(cache: Tensor, x: Tensor, positions: Tensor): void {
  const [B, S] = cache.shape;
  const T = x.shape[1];
  const row = x.size / (B * T);
  const [to, from, starts] = [cache, x, positions].map(data);
  for (let b = 0; b < B; b++) {
    to.set(from.subarray(b * T * row, (b + 1) * T * row), (b * S + starts[b]) * row);
  }
}
