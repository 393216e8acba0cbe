/**
 * The CPU device: WebAssembly SIMD on threads.
 *
 * @module
 */
export { type CpuOptions, createCpuDevice } from "./device.ts";
export { MOST_THREADS } from "./pool.ts";
