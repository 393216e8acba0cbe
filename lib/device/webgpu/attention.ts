/**
 * Attention on WebGPU, tiled with an online softmax.
 *
 * @module
 */
import appendCacheMain from "../../../kernels/webgpu/append_cache.wgsl" with { type: "text" };
import attentionMain from "../../../kernels/webgpu/attention.wgsl" with { type: "text" };
import decode from "../../../kernels/webgpu/attention_decode.wgsl" with { type: "text" };
import backwardKeyMain from "../../../kernels/webgpu/attention_backward_key.wgsl" with {
  type: "text",
};
import backwardQueryMain from "../../../kernels/webgpu/attention_backward_query.wgsl" with {
  type: "text",
};
import delta from "../../../kernels/webgpu/attention_delta.wgsl" with { type: "text" };
import common from "../../../kernels/webgpu/attention_common.wgsl" with { type: "text" };
import direct from "../../../kernels/webgpu/attention_direct.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import tiles from "../../../kernels/webgpu/attention_tiles.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { attentionSizes, checkShapes } from "../shapes.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";
import { storage } from "./storage.ts";

const APPEND_CACHE = halves + element + appendCacheMain;

/**
 * How the kernels take their products: through tiles in workgroup memory, or directly from the
 * tensors, which suits adapters that run on the CPU.
 */
export type AttentionProducts = "tiles" | "direct";

/** The kernel source of the products, and TX by TY threads with RR rows by CC columns each. */
const PRODUCTS = {
  /** Many threads with small shares, which need 13 KiB of workgroup memory. */
  tiles: { source: tiles, tile: { TX: 8, TY: 8, RR: 4, CC: 4 } },
  /** Few threads with large shares, since a CPU runs the threads of a workgroup in turn. */
  direct: { source: direct, tile: { TX: 8, TY: 1, RR: 8, CC: 8 } },
};

/** Up to so many new queries, a workgroup for each is better than tiles of them. */
const FEW_QUERIES = 8;

/** How many numbers of a head kernels take at once; heads are even. */
function partOf(D: number): 2 | 4 {
  return D % 4 === 0 ? 4 : 2;
}

/** See {@link Operations}. */
export function attentionOperations(
  gpu: Gpu,
  products: AttentionProducts,
): Pick<Operations, "attention" | "attentionBackward" | "attentionWithCache" | "appendCache"> {
  const { source, tile } = PRODUCTS[products];
  const forwardSource = common + source + attentionMain;
  const backwardQuerySource = common + source + backwardQueryMain;
  const backwardKeySource = common + source + backwardKeyMain;
  const rows = tile.TY * tile.RR;
  return {
    attention({ out, lse, q, k, v, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      checkShapes(S === T && D % 2 === 0, "attention", q, k);
      const values = { ...tile, D, WIDTH: partOf(D) };
      const kernel = gpu.kernel(forwardSource, { ...values, OUTPUTS: 1, CACHE: false });
      const uniforms = { T, S, H, Hkv, window: Math.min(window, T), scale: 1 / Math.sqrt(D) };
      const work = H * T * uniforms.window * D;
      for (const { count, slices } of gpu.split(B, { out, lse, q, k, v }, gpu.maxWork / work)) {
        gpu.run(kernel, slices, uniforms, [Math.ceil(T / rows), H, count], count * work);
      }
    },

    attentionBackward({ dq, dk, dv, delta: deltas, dout, out, lse, q, k, v, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      checkShapes(S === T && D % 2 === 0, "attentionBackward", q, k);
      const WIDTH = partOf(D), values = { ...tile, D, WIDTH };
      const deltaKernel = gpu.kernel(delta, { WIDTH });
      const queryKernel = gpu.kernel(backwardQuerySource, { ...values, OUTPUTS: 1 });
      const keyKernel = gpu.kernel(backwardKeySource, { ...values, OUTPUTS: 2 });
      const uniforms = { T, H, Hkv, window: Math.min(window, T), scale: 1 / Math.sqrt(D) };
      const tensors = { dq, dk, dv, delta: deltas, dout, out, lse, q, k, v };
      const work = 2 * H * T * uniforms.window * D;
      for (const { count, slices } of gpu.split(B, tensors, gpu.maxWork / work)) {
        const sizes = { count: count * H * T, T, H, columns: D / WIDTH };
        gpu.run(deltaKernel, slices, sizes, Math.ceil(sizes.count / WORKGROUP));
        gpu.run(queryKernel, slices, uniforms, [Math.ceil(T / rows), H, count], count * work);
        gpu.run(keyKernel, slices, uniforms, [Math.ceil(T / rows), Hkv, count], count * work);
      }
    },

    attentionWithCache({ out, q, kCache, vCache, positions, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, kCache);
      checkShapes(D % 2 === 0, "attentionWithCache", q, kCache);
      const uniforms = { T, S, H, Hkv, window: Math.min(window, S), scale: 1 / Math.sqrt(D) };
      const bindings = { out, q, k: kCache, v: vCache, positions };
      const WIDTH = partOf(D), values = { ...tile, D, WIDTH };
      if (T < FEW_QUERIES) {
        const COLUMNS = D / WIDTH, SHARES = Math.max(1, Math.floor(64 / COLUMNS));
        const kernel = gpu.kernel(decode, { WIDTH, COLUMNS, SHARES });
        gpu.run(kernel, bindings, uniforms, [T, H, B]);
      } else {
        const kernel = gpu.kernel(forwardSource, { ...values, OUTPUTS: 1, CACHE: true });
        gpu.run(kernel, bindings, uniforms, [Math.ceil(T / rows), H, B]);
      }
    },

    appendCache({ q, k, v, kCache, vCache, positions, cos, sin, scale }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, kCache);
      const heads = [k, v, kCache, vCache];
      const fits = k.size === B * T * Hkv * D && v.size === k.size && vCache.size === kCache.size;
      const isOneType = heads.every(({ dtype }) => dtype === q.dtype);
      checkShapes(fits && isOneType, "appendCache", q, ...heads);
      const WIDTH = widthFor(D / 2), half = D / 2 / WIDTH;
      const kernel = gpu.kernel(APPEND_CACHE, { ...storage("HEADS", q, WIDTH), WIDTH });
      const bindings = { q, k, v, kCache, vCache, cosines: cos, sines: sin, positions };
      const count = B * T * (H + 2 * Hkv);
      gpu.run(kernel, bindings, { count, H, Hkv, T, S, half, scale }, Math.ceil(count / 8));
    },
  };
}
