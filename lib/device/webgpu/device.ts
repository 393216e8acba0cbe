/**
 * The WebGPU implementation of {@link Device}.
 *
 * @module
 */
import type { Hardware } from "../device.ts";
import type { Operations } from "../operations.ts";
import { adamWOperations } from "./adamw.ts";
import { type AdapterOptions, openAdapter } from "./adapter.ts";
import { attentionOperations } from "./attention.ts";
import type { AttentionProducts } from "./attention_kernels.ts";
import { countingGpu } from "./counting_gpu.ts";
import { elementwiseOperations } from "./elementwise.ts";
import { embeddingOperations } from "./embedding.ts";
import { Gpu, type Profiler, viewOf } from "./gpu.ts";
import { lossOperations } from "./loss.ts";
import { matmulOperations } from "./matmul.ts";
import { type Dealer, dealerOf, type MatmulTile } from "./matmul_tile.ts";
import { muonOperations } from "./muon.ts";
import { normOperations } from "./norm.ts";
import { rotaryOperations } from "./rotary.ts";
import { sampleOperations } from "./sample.ts";
import { smearOperations } from "./smear.ts";
import { Transfers } from "./transfers.ts";
import { measureAdapter, type TunerOptions, type Tuning, tuningOf } from "./tuner.ts";
import { givesMemory } from "./try_out.ts";
import { valueEmbeddingOperations } from "./value_embedding.ts";

/** Options of {@link createWebGpuDevice}. */
export interface WebGpuOptions extends AdapterOptions, TunerOptions {
  /** Largest range of a buffer that a kernel may see, in bytes; the adapter's limit unless given. */
  maxBindingBytes?: number;
  /** How many bytes may be allocated in all; as many as the adapter has, unless given. */
  maxMemoryBytes?: number;
  /** Multiply-adds, more or less, of a submission; those of 0.1 s, unless given. */
  maxWork?: number;
  /** How matrix products are dealt to threads; measured unless given. */
  matmulTile?: MatmulTile;
  /** Parts of K in products with that tile, where there may be as many; 1 unless given. */
  matmulSplits?: number;
  /** How attention takes its products; by the kind of adapter unless given. */
  attentionProducts?: AttentionProducts;
  /** Makes what measures the kernels; the adapter must have the feature `timestamp-query`. */
  profiler?: (device: GPUDevice) => Profiler;
}

/** How long a submission may take, in milliseconds: other programs wait for the GPU as well. */
const SUBMISSION_MS = 100;

/**
 * Opens the WebGPU device: the most powerful adapter there is (in Deno `DENO_WEBGPU_BACKEND` and the
 * driver's own variables narrow the choice). An adapter that is
 * not known from before is measured, which takes up to a few seconds.
 *
 * @throws {UserError} when there is no adapter, or its device cannot be used.
 */
export async function createWebGpuDevice(options: WebGpuOptions = {}): Promise<Hardware> {
  const required: GPUFeatureName[] = options.profiler ? ["timestamp-query"] : [];
  const adapter = await openAdapter(options, required);
  const { device, features, name, software } = adapter;
  const limit = device.limits.maxStorageBufferBindingSize;
  const maxBindingBytes = Math.min(options.maxBindingBytes ?? limit, limit);
  const gpu = new Gpu(device, maxBindingBytes, options.maxMemoryBytes ?? Infinity, features);

  const { matmulTile, matmulSplits = 1 } = options;
  let tuning: Tuning | undefined;
  if (!matmulTile) {
    try {
      const measure = () => measureAdapter(gpu, software, options.now);
      tuning = await tuningOf(adapter, options, measure);
    } catch (error) {
      gpu.close();
      throw error;
    }
  }
  const products = options.attentionProducts ?? (software ? "direct" : "tiles");
  const deal: Dealer = matmulTile
    ? (_, mostSplits) => ({ tile: matmulTile, splits: Math.min(matmulSplits, mostSplits) })
    : dealerOf(tuning!.tiles);
  gpu.maxWork = options.maxWork ?? (tuning ? tuning.rate * SUBMISSION_MS : gpu.maxWork);
  gpu.profiler = options.profiler?.(device);
  const operationsOf = (gpu: Gpu) => operationsOn(gpu, products, deal);
  const about = { name, isSoftware: software, peakFlops: tuning?.peak };
  return deviceOn(gpu, about, operationsOf, (bytes) => givesMemory(options, bytes));
}

/**
 * The device of a GPU.
 *
 * @param operationsOf Its operations, and those of a GPU that counts.
 * @param givesMemory Whether it gives so many bytes, where nothing says how many it has.
 */
function deviceOn(
  gpu: Gpu,
  adapter: Pick<Hardware, "name" | "isSoftware" | "peakFlops">,
  operationsOf: (gpu: Gpu) => Operations,
  givesMemory: (bytes: number) => Promise<boolean>,
): Hardware {
  const transfers = new Transfers(gpu);
  return {
    kind: "webgpu",
    ...adapter,
    get memory() {
      return { used: gpu.memory.used, peak: gpu.memory.peak, limit: gpu.memory.limit };
    },
    counting: () => {
      const { device: { limits }, maxBindingBytes, features } = gpu;
      const counting = new Gpu(countingGpu(limits), maxBindingBytes, Infinity, features);
      return deviceOn(counting, adapter, operationsOf, () => Promise.resolve(true));
    },
    fits: async ({ memory: { peak } }) => {
      const { limit } = gpu.memory;
      return limit < Infinity ? peak <= limit : await givesMemory(peak);
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

    ...operationsOf(gpu),
  };
}

/**
 * Every operation.
 *
 * @param products How attention takes its products.
 * @param deal How matrix products are dealt to threads.
 */
export function operationsOn(
  gpu: Gpu,
  products: AttentionProducts,
  deal: Dealer,
): Operations {
  return {
    ...adamWOperations(gpu),
    ...attentionOperations(gpu, products),
    ...elementwiseOperations(gpu),
    ...embeddingOperations(gpu),
    ...lossOperations(gpu),
    ...matmulOperations(gpu, deal),
    ...muonOperations(gpu),
    ...normOperations(gpu),
    ...rotaryOperations(gpu),
    ...sampleOperations(gpu, products === "tiles"),
    ...smearOperations(gpu),
    ...valueEmbeddingOperations(gpu),
  };
}
