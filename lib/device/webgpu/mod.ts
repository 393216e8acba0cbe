/**
 * The device that runs hand-written WGSL kernels (`kernels/webgpu/`) through Deno's WebGPU.
 *
 * @module
 */
export { findAdapter } from "./adapter.ts";
export type { AttentionProducts } from "./attention.ts";
export { createWebGpuDevice } from "./device.ts";
export type { WebGpuOptions } from "./device.ts";
export type { Profiler } from "./gpu.ts";
export type { MatmulTile } from "./matmul.ts";
