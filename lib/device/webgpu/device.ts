/**
 * The WebGPU implementation of {@link Device}.
 *
 * @module
 */
import type { Device } from "../device.ts";
import { adamWOperations } from "./adamw.ts";
import { openAdapter } from "./adapter.ts";
import { attentionOperations, type AttentionProducts } from "./attention.ts";
import { elementwiseOperations } from "./elementwise.ts";
import { embeddingOperations } from "./embedding.ts";
import { Gpu, type Profiler, viewOf } from "./gpu.ts";
import { lossOperations } from "./loss.ts";
import { matmulOperations, type MatmulTile } from "./matmul.ts";
import { measure, type Measured, tileFor } from "./matmul_tile.ts";
import { muonOperations } from "./muon.ts";
import { normOperations } from "./norm.ts";
import { rotaryOperations } from "./rotary.ts";
import { sampleOperations } from "./sample.ts";
import { smearOperations } from "./smear.ts";
import { Transfers } from "./transfers.ts";
import { valueEmbeddingOperations } from "./value_embedding.ts";

/** Options of {@link createWebGpuDevice}. */
export interface WebGpuOptions {
  /** Largest range of a buffer that a kernel may see, in bytes; the adapter's limit unless given. */
  maxBindingBytes?: number;
  /** How many bytes may be allocated in all; what the system can give, unless given. */
  maxMemoryBytes?: number;
  /** Multiply-adds, more or less, of a submission; those of 0.1 s, unless given. */
  maxWork?: number;
  /** How matrix products are dealt to threads; measured unless given. */
  matmulTile?: MatmulTile;
  /** How attention takes its products; by the kind of adapter unless given. */
  attentionProducts?: AttentionProducts;
  /** A clock in milliseconds for that measurement; `performance.now` unless given. */
  now?: () => number;
  /** Makes what measures the kernels; the adapter must have the feature `timestamp-query`. */
  profiler?: (device: GPUDevice) => Profiler;
}

/** What was measured of each adapter, by its name. */
const measurements = new Map<string, Measured>();

/** How long a submission may take, in milliseconds: other programs wait for the GPU as well. */
const SUBMISSION_MS = 100;

/**
 * Opens the WebGPU device: the most powerful adapter that Deno finds (`DENO_WEBGPU_BACKEND` and the
 * driver's own variables narrow the choice). The first device of a process measures the
 * adapter's speed and which matmul tile suits it, in under a second.
 *
 * @throws {UserError} when there is no adapter; the message says how to get one on this system.
 */
export async function createWebGpuDevice(options: WebGpuOptions = {}): Promise<Device> {
  const { device, name, software } = await openAdapter(options.profiler && ["timestamp-query"]);
  const limit = device.limits.maxStorageBufferBindingSize;
  const maxBindingBytes = Math.min(options.maxBindingBytes ?? limit, limit);
  const gpu = new Gpu(device, maxBindingBytes, options.maxMemoryBytes ?? memoryLimit(software));

  let measured = measurements.get(name);
  if (!measured && !options.matmulTile) {
    measured = await measure(gpu, software, options.now ?? (() => performance.now()));
    measurements.set(name, measured);
  }
  const { matmulTile } = options, tiles = measured?.tiles ?? [];
  gpu.maxWork = options.maxWork ?? (measured ? measured.rate * SUBMISSION_MS : gpu.maxWork);
  gpu.profiler = options.profiler?.(device);
  const transfers = new Transfers(gpu);

  return {
    kind: "webgpu",
    name,
    get memory() {
      return { used: gpu.memory.used, peak: gpu.memory.peak };
    },
    allocate: (name, shape, dtype = "float32") => gpu.allocate(name, shape, dtype),
    view: viewOf,
    free: (tensor) => gpu.free(tensor),
    write: (tensor, data, offset) => transfers.write(tensor, data, offset),
    stage: (tensor, offset, count) => transfers.stage(tensor, offset, count),
    read: (tensor, offset, count) => transfers.read(tensor, offset, count),
    submit: () => gpu.submit(),
    synchronize: () => transfers.synchronize(),
    close: () => transfers.close(),

    ...adamWOperations(gpu),
    ...attentionOperations(gpu, options.attentionProducts ?? (software ? "direct" : "tiles")),
    ...elementwiseOperations(gpu),
    ...embeddingOperations(gpu),
    ...lossOperations(gpu),
    ...matmulOperations(gpu, (outputSize) => matmulTile ?? tileFor(tiles, outputSize)),
    ...muonOperations(gpu),
    ...normOperations(gpu),
    ...rotaryOperations(gpu),
    ...sampleOperations(gpu),
    ...smearOperations(gpu),
    ...valueEmbeddingOperations(gpu),
  };
}

/**
 * Software adapters and Apple's promise any amount of memory; the system then ends the process, or
 * swaps. Other GPUs say when theirs is full.
 */
function memoryLimit(software: boolean): number {
  const shared = Deno.build.os === "darwin";
  if (!software && !shared) return Infinity;
  try {
    const { available, total } = Deno.systemMemoryInfo();
    return software ? available : 0.75 * total;
  } catch {
    return Infinity; // Without the permission to ask, or on a system that does not tell.
  }
}
