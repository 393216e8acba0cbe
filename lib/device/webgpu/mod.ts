/**
 * The device that runs hand-written WGSL kernels (`kernels/webgpu/`) through WebGPU, in Deno or
 * in a browser.
 *
 * @module
 */
export { type AdapterOptions, findAdapter } from "./adapter.ts";
export type { AttentionProducts } from "./attention_kernels.ts";
export { createWebGpuDevice } from "./device.ts";
export type { FeatureChoice } from "./features.ts";
export type { WebGpuOptions } from "./device.ts";
export type { Profiler } from "./gpu.ts";
export type { MatmulTile } from "./matmul_tile.ts";
export type { Measurements, TunerOptions } from "./tuner.ts";
