/**
 * Attention on WebGPU, tiled with an online softmax.
 *
 * @module
 */
import attentionMain from "../../../kernels/webgpu/attention.wgsl" with { type: "text" };
import appendCacheMain from "../../../kernels/webgpu/append_cache.wgsl" with { type: "text" };
import decode from "../../../kernels/webgpu/attention_decode.wgsl" with { type: "text" };
import backwardKeyMain from "../../../kernels/webgpu/attention_backward_key.wgsl" with {
  type: "text",
};
import backwardQueryMain from "../../../kernels/webgpu/attention_backward_query.wgsl" with {
  type: "text",
};
import delta from "../../../kernels/webgpu/attention_delta.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import tiles from "../../../kernels/webgpu/attention_tiles.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { attentionSizes, checkShapes } from "../shapes.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";

const APPEND_CACHE = element + appendCacheMain;
const ATTENTION = tiles + attentionMain;
const BACKWARD_KEY = tiles + backwardKeyMain;
const BACKWARD_QUERY = tiles + backwardQueryMain;

/** How a tile of attention is dealt to threads: TX by TY of them, RR rows by CC columns each. */
interface AttentionTile {
  readonly TX: number;
  readonly TY: number;
  readonly RR: number;
  readonly CC: number;
}

/** Many threads with small shares for a GPU; few with large ones where a CPU runs them in turn. */
const GPU_TILE: AttentionTile = { TX: 8, TY: 8, RR: 4, CC: 4 };
const SOFTWARE_TILE: AttentionTile = { TX: 4, TY: 4, RR: 8, CC: 8 };

/** Up to so many new queries, a workgroup for each is better than tiles of them. */
const FEW_QUERIES = 8;

/** See {@link Operations}; `software` says whether the adapter runs on the CPU. */
export function attentionOperations(
  gpu: Gpu,
  software: boolean,
): Pick<Operations, "attention" | "attentionBackward" | "attentionWithCache" | "appendCache"> {
  const tile = software ? SOFTWARE_TILE : GPU_TILE;
  const rows = tile.TY * tile.RR;
  return {
    attention({ out, lse, q, k, v, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      checkShapes(S === T && D % 4 === 0, "attention", q, k);
      const kernel = gpu.kernel(ATTENTION, { ...tile, D, OUTPUTS: 1, CACHE: false });
      const uniforms = { T, S, H, Hkv, window: Math.min(window, T), scale: 1 / Math.sqrt(D) };
      for (const { count, slices } of gpu.split(B, { out, lse, q, k, v })) {
        gpu.run(kernel, slices, uniforms, [Math.ceil(T / rows), H, count]);
      }
    },

    attentionBackward({ dq, dk, dv, delta: deltas, dout, out, lse, q, k, v, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      checkShapes(S === T && D % 4 === 0, "attentionBackward", q, k);
      const values = { ...tile, D };
      const deltaKernel = gpu.kernel(delta);
      const queryKernel = gpu.kernel(BACKWARD_QUERY, { ...values, OUTPUTS: 1 });
      const keyKernel = gpu.kernel(BACKWARD_KEY, { ...values, OUTPUTS: 2 });
      const uniforms = { T, H, Hkv, window: Math.min(window, T), scale: 1 / Math.sqrt(D) };
      const tensors = { dq, dk, dv, delta: deltas, dout, out, lse, q, k, v };
      for (const { count, slices } of gpu.split(B, tensors)) {
        const sizes = { count: count * H * T, T, H, columns: D / 4 };
        gpu.run(deltaKernel, slices, sizes, Math.ceil(sizes.count / WORKGROUP));
        gpu.run(queryKernel, slices, uniforms, [Math.ceil(T / rows), H, count]);
        gpu.run(keyKernel, slices, uniforms, [Math.ceil(T / rows), Hkv, count]);
      }
    },

    attentionWithCache({ out, q, kCache, vCache, positions, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, kCache);
      checkShapes(D % 4 === 0, "attentionWithCache", q, kCache);
      const uniforms = { T, S, H, Hkv, window: Math.min(window, S), scale: 1 / Math.sqrt(D) };
      const bindings = { out, q, k: kCache, v: vCache, positions };
      if (T < FEW_QUERIES) {
        gpu.run(gpu.kernel(decode, { D }), bindings, uniforms, [T, H, B]);
      } else {
        const kernel = gpu.kernel(ATTENTION, { ...tile, D, OUTPUTS: 1, CACHE: true });
        gpu.run(kernel, bindings, uniforms, [Math.ceil(T / rows), H, B]);
      }
    },

    appendCache({ cache, x, positions }) {
      const [, S] = cache.shape;
      const [B, T] = x.shape;
      const columns = x.size / (B * T);
      const WIDTH = widthFor(columns);
      const uniforms = { count: x.size / WIDTH, columns: columns / WIDTH, T, S };
      const groups = Math.ceil(uniforms.count / WORKGROUP);
      gpu.run(gpu.kernel(APPEND_CACHE, { WIDTH }), { cache, x, positions }, uniforms, groups);
    },
  };
}
