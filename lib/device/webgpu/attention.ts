/**
 * Attention on WebGPU, tiled with an online softmax.
 *
 * @module
 */
import appendCacheMain from "../../../kernels/webgpu/append_cache.wgsl" with { type: "text" };
import combineMain from "../../../kernels/webgpu/attention_decode_combine.wgsl" with {
  type: "text",
};
import decodeMain from "../../../kernels/webgpu/attention_decode.wgsl" with { type: "text" };
import deltaMain from "../../../kernels/webgpu/attention_delta.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { attentionSizes, checkShapes } from "../shapes.ts";
import { attentionKernels, type AttentionProducts } from "./attention_kernels.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";
import { storage } from "./storage.ts";

const APPEND_CACHE = halves + element + appendCacheMain;
const DECODE = halves + element + decodeMain;
const DECODE_COMBINE = halves + element + combineMain;
const DELTA = halves + element + deltaMain;

/** Up to so many new queries, a workgroup for each is better than tiles of them. */
const FEW_QUERIES = 8;

/**
 * Keys of a cache are read in parts of about so many, at most so many of them, lest a GPU stand idle
 * for want of queries. What is seen of a cache decides alone, so that rounding is the same in every
 * batch.
 */
const PART_KEYS = 256, MAX_PARTS = 16;

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
    attention({ out, lse, q, k, v, window, starts }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      const fits = S === T && D % 2 === 0 && (starts?.size ?? B * T) === B * T;
      checkShapes(fits, "attention", q, k);
      const { kernel, rows } = kernels.forward(q, { CACHE: false, STARTS: !!starts });
      const uniforms = { T, S, H, Hkv, ...headUniforms(D), window: Math.min(window, T) };
      const work = H * T * uniforms.window * D;
      const tensors = { out, lse, q, k, v, starts };
      for (const { count, slices } of gpu.split(B, tensors, gpu.maxWork / work)) {
        gpu.run(kernel, slices, uniforms, [H, count, Math.ceil(T / rows)], count * work);
      }
    },

    attentionBackward({ dq, dk, dv, delta: deltas, dout, out, lse, q, k, v, window, starts }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, k);
      const fits = S === T && D % 2 === 0 && (starts?.size ?? B * T) === B * T;
      checkShapes(fits, "attentionBackward", q, k);
      const WIDTH = widthFor(D), STARTS = !!starts, seen = { CACHE: false, STARTS };
      const deltaKernel = gpu.kernel(DELTA, { WIDTH, STARTS, ...storage("OUT", out, WIDTH) });
      const query = kernels.backwardQuery(q, seen), key = kernels.backwardKey(q, seen);
      const uniforms = { T, H, Hkv, ...headUniforms(D), window: Math.min(window, T) };
      const tensors = { dq, dk, dv, delta: deltas, dout, out, lse, q, k, v, starts };
      const work = 2 * H * T * uniforms.window * D;
      for (const { count, slices } of gpu.split(B, tensors, gpu.maxWork / work)) {
        const sizes = { ...uniforms, count: count * H * T };
        // With starts, each delta has one beside it.
        const delta = starts ? gpu.scratch(2 * sizes.count) : slices.delta;
        const bindings = { ...slices, delta };
        gpu.run(deltaKernel, bindings, sizes, Math.ceil(sizes.count / WORKGROUP));
        const groups = (rows: number) => Math.ceil(T / rows);
        gpu.run(query.kernel, bindings, uniforms, [H, count, groups(query.rows)], count * work);
        gpu.run(key.kernel, bindings, uniforms, [Hkv, count, groups(key.rows)], count * work);
      }
    },

    attentionWithCache({ out, q, kCache, vCache, positions, window }) {
      const { B, T, S, H, Hkv, D } = attentionSizes(q, kCache);
      checkShapes(D % 2 === 0, "attentionWithCache", q, kCache);
      const uniforms = { T, S, H, Hkv, ...headUniforms(D), window: Math.min(window, S) };
      const bindings = { out, q, k: kCache, v: vCache, positions };
      if (T < FEW_QUERIES) {
        const WIDTH = widthFor(D), COLUMNS = D / WIDTH;
        const seen = Math.min(S, window + 1);
        const PARTS = products === "direct" ? 1 : Math.min(MAX_PARTS, Math.ceil(seen / PART_KEYS));
        const values = { ...storage("PART", q, WIDTH), WIDTH, COLUMNS, D, PARTS };
        const SHARES = Math.max(1, Math.floor(64 / COLUMNS));
        const kernel = gpu.kernel(DECODE, { ...values, SHARES });
        const partials = PARTS === 1 ? undefined : gpu.scratch(B * T * H * PARTS * (D + 2));
        const keys = 64 * Math.ceil(seen / PARTS / 64);
        gpu.run(kernel, { ...bindings, partials }, { ...uniforms, keys }, [T * PARTS, H, B]);
        if (partials) {
          const combine = gpu.kernel(DECODE_COMBINE, values), count = out.size / WIDTH;
          gpu.run(combine, { out, partials }, { count }, Math.ceil(count / WORKGROUP));
        }
      } else {
        const { kernel, rows } = kernels.forward(q, { CACHE: true, STARTS: false });
        gpu.run(kernel, bindings, uniforms, [H, B, Math.ceil(T / rows)]);
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
