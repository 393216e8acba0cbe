/**
 * The CPU device: WebAssembly SIMD on threads.
 *
 * @module
 */
export { type CpuOptions, createCpuDevice } from "./device.ts";
