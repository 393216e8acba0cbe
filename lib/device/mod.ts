/**
 * The door to hardware: tensors, and about thirty named operations with one contract each, on
 * WebGPU or on the CPU.
 *
 * @module
 */
export { type AttentionArgs, type CacheArgs, PAGE_ROWS } from "./attention.ts";
export { type CpuOptions, createCpuDevice, MOST_THREADS } from "./cpu/mod.ts";
export type { Device, Hardware, PeakFlops, Readback } from "./device.ts";
export {
  type Coefficient,
  type Guard,
  type MatmulArgs,
  type MatmulLayout,
  type Operations,
  type TokenGroups,
} from "./operations.ts";
export { NOT_NUMBERS, type SamplingArgs } from "./sampling.ts";
export type { WebGpuProvider } from "./webgpu/provider.ts";
export { type DeviceChoice, type DeviceOptions, openDevice } from "./open.ts";
export { attentionSizes, cacheSizes, checkShapes, matmulSizes, rowsOf } from "./shapes.ts";
export type { MatmulSizes } from "./shapes.ts";
export { sizeOf } from "../shapes.ts";
export { bytesOf, type DType, type Tensor } from "./tensor.ts";
export { groupTokens } from "./token_groups.ts";
export type { HostTokenGroups } from "./token_groups.ts";
export {
  type AdapterOptions,
  type AttentionProducts,
  createWebGpuDevice,
  type FeatureChoice,
  type MatmulTile,
  type Measurements,
  type Profiler,
  type TunerOptions,
  type WebGpuOptions,
} from "./webgpu/mod.ts";
