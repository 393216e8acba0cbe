/**
 * The WebGPU implementation of {@link Device}.
 *
 * @module
 */
import type { Device } from "../device.ts";
import { openAdapter } from "./adapter.ts";
import { attentionOperations, type AttentionProducts } from "./attention.ts";
import { elementwiseOperations } from "./elementwise.ts";
import { embeddingOperations } from "./embedding.ts";
import { Gpu, viewOf } from "./gpu.ts";
import { lossOperations } from "./loss.ts";
import { matmulOperations, type MatmulTile } from "./matmul.ts";
import { chooseTiles, type TileChoice, tileFor } from "./matmul_tile.ts";
import { normOperations } from "./norm.ts";
import { optimizerOperations } from "./optimizer.ts";
import { sampleOperations } from "./sample.ts";
import { smearOperations } from "./smear.ts";
import { copyOperations, Transfers } from "./transfers.ts";

/** Options of {@link createWebGpuDevice}. */
export interface WebGpuOptions {
  /** Largest range of a buffer that a kernel may see, in bytes; the adapter's limit unless given. */
  maxBindingBytes?: number;
  /** How many bytes may be allocated in all; on a software adapter the free memory, unless given. */
  maxMemoryBytes?: number;
  /** How matrix products are dealt to threads; measured unless given. */
  matmulTile?: MatmulTile;
  /** How attention takes its products; by the kind of adapter unless given. */
  attentionProducts?: AttentionProducts;
  /** A clock in milliseconds for that measurement; `performance.now` unless given. */
  now?: () => number;
}

/** Tiles found best on each adapter, by its name. */
const measuredTiles = new Map<string, TileChoice>();

/**
 * Opens the WebGPU device: the most powerful adapter that Deno finds (`DENO_WEBGPU_BACKEND` and the
 * driver's own variables narrow the choice). The first device of a process measures which matmul
 * tile suits the adapter, in under a second.
 *
 * @throws {UserError} when there is no adapter; the message says how to get one on this system.
 */
export async function createWebGpuDevice(options: WebGpuOptions = {}): Promise<Device> {
  const { device, name, software } = await openAdapter();
  const limit = device.limits.maxStorageBufferBindingSize;
  const maxBindingBytes = Math.min(options.maxBindingBytes ?? limit, limit);
  const gpu = new Gpu(device, maxBindingBytes, options.maxMemoryBytes ?? memoryLimit(software));

  let tiles = measuredTiles.get(name);
  if (options.matmulTile) {
    tiles = [{ outputSize: Infinity, tile: options.matmulTile }];
  } else if (!tiles) {
    tiles = await chooseTiles(gpu, software, options.now ?? (() => performance.now()));
    measuredTiles.set(name, tiles);
  }
  const choice = tiles;
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

    ...attentionOperations(gpu, options.attentionProducts ?? (software ? "direct" : "tiles")),
    ...copyOperations(gpu),
    ...elementwiseOperations(gpu),
    ...embeddingOperations(gpu),
    ...normOperations(gpu),
    ...smearOperations(gpu),
    ...lossOperations(gpu),
    ...optimizerOperations(gpu),
    ...sampleOperations(gpu),
    ...matmulOperations(gpu, (outputSize) => tileFor(choice, outputSize)),
  };
}

/** A software adapter promises any amount of memory, and the system ends the process that uses it. */
function memoryLimit(software: boolean): number {
  if (!software) return Infinity;
  try {
    return Deno.systemMemoryInfo().available;
  } catch {
    return Infinity; // Without the permission to ask, or on a system that does not tell.
  }
}
