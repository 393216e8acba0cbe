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
import { PAGE_ROWS } from "../attention.ts";
import type { Operations } from "../operations.ts";
import { attentionSizes, cacheSizes, checkShapes } from "../shapes.ts";
import { attentionKernels, type AttentionProducts } from "./attention_kernels.ts";
import { widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";
import { runRotaryNorm } from "./rotary.ts";
import { storage } from "./storage.ts";

const APPEND_CACHE = halves + element + appendCacheMain;
const DECODE = halves + element + decodeMain;
const DECODE_COMBINE = halves + element + combineMain;
const DELTA = halves + element + deltaMain;

/** Up to so many new queries, a workgroup for each is better than tiles of them. */
const FEW_QUERIES = 8;

/**
 * Keys of a cache are read in parts of so many, whole pages, lest a GPU stand idle for want of
 * queries. What is seen of a cache decides alone, so that rounding is the same in every batch.
 */
const PART_KEYS = 4 * PAGE_ROWS;

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
      const uniforms = { T, H, Hkv, ...headUniforms(D), window: Math.min(window, T) };
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

    attentionWithCache({ out, window, ...cached }) {
      const { B, T, S, H, Hkv, D } = cacheSizes(cached), { q, positions, pages } = cached;
      const fits = D % 2 === 0 && out.size === q.size;
      checkShapes(fits, "attentionWithCache", out, q);
      const sizes = { T, N: S / PAGE_ROWS, H, Hkv, ...headUniforms(D) };
      const uniforms = { ...sizes, window: Math.min(window, S) };
      const bindings = { out, q, k: cached.kCache, v: cached.vCache, positions, pages };
      if (T < FEW_QUERIES) {
        const WIDTH = widthFor(D), COLUMNS = D / WIDTH;
        const keys = products === "direct" ? S : PART_KEYS;
        // A window may begin within a part.
        const parts = Math.ceil(Math.min(S, uniforms.window + keys) / keys), IN_PARTS = parts > 1;
        const values = { ...storage("PART", q, WIDTH), WIDTH, COLUMNS, D };
        const SHARES = Math.max(1, Math.floor(64 / COLUMNS));
        const kernel = gpu.kernel(DECODE, { ...values, SHARES, IN_PARTS, PAGE_ROWS });
        const partials = IN_PARTS ? gpu.scratch(B * T * H * parts * (D + 2)) : undefined;
        gpu.run(kernel, { ...bindings, partials }, { ...uniforms, parts, keys }, [T * parts, H, B]);
        if (partials) {
          const combine = gpu.kernel(DECODE_COMBINE, values), count = out.size / WIDTH;
          gpu.run(combine, { out, partials }, { count, parts }, Math.ceil(count / WORKGROUP));
        }
      } else {
        const { kernel, rows } = kernels.forward(q, { CACHE: true, STARTS: false });
        gpu.run(kernel, bindings, uniforms, [H, B, Math.ceil(T / rows)]);
      }
    },

    appendCache({ k, v, cos, sin, scale, ...cached }) {
      const { B, T, S, Hkv, D } = cacheSizes(cached),
        { q, kCache, vCache, positions, pages } = cached;
      const heads = [k, v, kCache, vCache];
      const fits = k.size === B * T * Hkv * D && v.size === k.size;
      const isOneType = heads.every(({ dtype }) => dtype === q.dtype);
      checkShapes(fits && isOneType, "appendCache", q, ...heads);
      // One kernel for all would have more buffers than every adapter gives it.
      runRotaryNorm(gpu, { x: q, cos, sin, scale, positions });
      const WIDTH = widthFor(D / 2), half = D / 2 / WIDTH;
      const kernel = gpu.kernel(APPEND_CACHE, { ...storage("HEADS", q, WIDTH), WIDTH, PAGE_ROWS });
      const bindings = { k, v, kCache, vCache, cosines: cos, sines: sin, positions, pages };
      const count = 2 * B * T * Hkv, N = S / PAGE_ROWS;
      gpu.run(kernel, bindings, { count, Hkv, T, N, half, scale }, Math.ceil(count / 8));
    },
  };
}
