/**
 * Attention on WebGPU, tiled with an online softmax.
 *
 * @module
 */
import appendCacheMain from "../../../kernels/webgpu/append_cache.wgsl" with { type: "text" };
import decode from "../../../kernels/webgpu/attention_decode.wgsl" with { type: "text" };
import deltaMain from "../../../kernels/webgpu/attention_delta.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { attentionSizes, checkShapes } from "../shapes.ts";
import { attentionKernels, type AttentionProducts } from "./attention_kernels.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";
import { storage } from "./storage.ts";

const APPEND_CACHE = element + appendCacheMain;
const DELTA = halves + element + deltaMain;

/** Up to so many new queries, a workgroup for each is better than tiles of them. */
const FEW_QUERIES = 8;

/** What kernels are told of heads of D numbers: how many elements they are, and the scale of scores. */
function headUniforms(D: number): { columns: number; scale: number } {
  return { columns: D / widthFor(D), scale: 1 / Math.sqrt(D) };
}

/** See {@link Operations}. */
export function attentionOperations(
  gpu: Gpu,
  products: AttentionProducts,
): Pick<Operations, "attention" | "attentionBackward" | "attentionWithCache" | "appendCache"> {
  const kernels = attentionKernels(gpu, products);
  return {
    attention({ out, lse, q, k, v, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      checkShapes(S === T && D % 2 === 0, "attention", q, k);
      const { kernel, rows } = kernels.forward(q, false);
      const uniforms = { T, S, H, Hkv, ...headUniforms(D), window: Math.min(window, T) };
      const work = H * T * uniforms.window * D;
      for (const { count, slices } of gpu.split(B, { out, lse, q, k, v }, gpu.maxWork / work)) {
        gpu.run(kernel, slices, uniforms, [Math.ceil(T / rows), H, count], count * work);
      }
    },

    attentionBackward({ dq, dk, dv, delta: deltas, dout, out, lse, q, k, v, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      checkShapes(S === T && D % 2 === 0, "attentionBackward", q, k);
      const WIDTH = widthFor(D);
      const deltaKernel = gpu.kernel(DELTA, { WIDTH, ...storage("OUT", out, WIDTH) });
      const query = kernels.backwardQuery(q), key = kernels.backwardKey(q);
      const uniforms = { T, H, Hkv, ...headUniforms(D), window: Math.min(window, T) };
      const tensors = { dq, dk, dv, delta: deltas, dout, out, lse, q, k, v };
      const work = 2 * H * T * uniforms.window * D;
      for (const { count, slices } of gpu.split(B, tensors, gpu.maxWork / work)) {
        const sizes = { ...uniforms, count: count * H * T };
        gpu.run(deltaKernel, slices, sizes, Math.ceil(sizes.count / WORKGROUP));
        const groups = (rows: number) => Math.ceil(T / rows);
        gpu.run(query.kernel, slices, uniforms, [groups(query.rows), H, count], count * work);
        gpu.run(key.kernel, slices, uniforms, [groups(key.rows), Hkv, count], count * work);
      }
    },

    attentionWithCache({ out, q, kCache, vCache, positions, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, kCache);
      checkShapes(D % 2 === 0, "attentionWithCache", q, kCache);
      const uniforms = { T, S, H, Hkv, ...headUniforms(D), window: Math.min(window, S) };
      const bindings = { out, q, k: kCache, v: vCache, positions };
      if (T < FEW_QUERIES) {
        const WIDTH = D % 4 === 0 ? 4 : 2;
        const COLUMNS = D / WIDTH, SHARES = Math.max(1, Math.floor(64 / COLUMNS));
        const kernel = gpu.kernel(decode, { WIDTH, COLUMNS, SHARES });
        gpu.run(kernel, bindings, uniforms, [T, H, B]);
      } else {
        const { kernel, rows } = kernels.forward(q, true);
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
