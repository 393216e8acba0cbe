/**
 * Attention.
 *
 * @module
 */
import { PAGE_ROWS } from "../attention.ts";
import type { Operations } from "../operations.ts";
import { attentionSizes, cacheSizes, checkShapes, rowsOf } from "../shapes.ts";
import type { Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** Up to this many queries keys are read as they lie; from more on, packing them pays. */
const MOST_DECODE_QUERIES = 4;

/** Operations of this file. */
type Names = "attention" | "attentionBackward" | "attentionWithCache" | "appendCache";

/** Attention {@link Operations} in WebAssembly. */
export function attentionOperations(pool: Pool): Pick<Operations, Names> {
  const attention = pool.kernel("attention");
  const attentionWorkspace = pool.kernel("attentionWorkspace");
  const attentionBackward = pool.kernel("attentionBackward");
  const attentionBackwardWorkspace = pool.kernel("attentionBackwardWorkspace");
  const attentionDecode = pool.kernel("attentionDecode");
  const appendCache = pool.kernel("appendCache");
  const rotaryNorm = pool.kernel("rotaryNorm");

  return {
    attention: ({ out, lse, q, k, v, window, starts }) => {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      const fits = T === S && out.size === q.size && v.size === k.size && lse.size === B * H * T &&
        (starts?.size ?? B * T) === B * T;
      checkShapes(fits, "attention", out, lse, q, k, v);
      pool.reserveWorkspace(attentionWorkspace(S, D) >>> 0);
      const tensors = [out, lse, q, k, v].map(at);
      attention(...tensors, 0, 0, at(starts), B, T, S, 0, H, Hkv, D, Math.min(window, S));
    },
    attentionBackward: ({ dq, dk, dv, delta, dout, out, lse, q, k, v, window, starts }) => {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      const fits = T === S && [dq, dout, out].every((x) => x.size === q.size) &&
        [dk, dv, v].every((x) => x.size === k.size) &&
        [delta, lse].every((x) => x.size === B * H * T) &&
        (starts?.size ?? B * T) === B * T;
      checkShapes(fits, "attentionBackward", dq, dk, dv, delta, dout, out, lse, q, k, v);
      pool.reserveWorkspace(attentionBackwardWorkspace(T, D) >>> 0);
      const tensors = [dq, dk, dv, delta, dout, out, lse, q, k, v, starts].map(at);
      attentionBackward(...tensors, B, T, H, Hkv, D, Math.min(window, T));
    },
    attentionWithCache: ({ out, window, ...cached }) => {
      const { B, T, S, P, H, Hkv, D } = cacheSizes(cached), { q, kCache, vCache } = cached;
      checkShapes(out.size === q.size, "attentionWithCache", out, q);
      const inputs = [q, kCache, vCache, cached.positions, cached.pages].map(at);
      const sizes = [B, T, S, P, H, Hkv, D, Math.min(window, S)];
      if (T <= MOST_DECODE_QUERIES) {
        pool.reserveWorkspace(4 * S + 16);
        attentionDecode(at(out), ...inputs, ...sizes);
      } else {
        pool.reserveWorkspace(attentionWorkspace(S, D) >>> 0);
        attention(at(out), 0, ...inputs, 0, ...sizes);
      }
    },
    appendCache: ({ k, v, cos, sin, scale, ...cached }) => {
      const { B, T, S, P, H, Hkv, D } = cacheSizes(cached), [limit, half] = rowsOf(cos);
      const { q, kCache, vCache, positions, pages } = cached;
      const fits = half === D / 2 && sin.size === cos.size && k.size === B * T * Hkv * D &&
        v.size === k.size;
      checkShapes(fits, "appendCache", q, k, v, cos, sin);
      for (const [x, heads] of [[q, H], [k, Hkv]] as const) {
        const tensors = [at(x), at(cos), at(sin), 0, at(positions)];
        rotaryNorm(...tensors, B * T * heads, heads, T, D, limit, scale);
      }
      for (const [cache, x] of [[kCache, k], [vCache, v]]) {
        const tensors = [cache, x, positions, pages].map(at);
        appendCache(...tensors, B, T, S / PAGE_ROWS, P, Hkv * D);
      }
    },
  };
}
