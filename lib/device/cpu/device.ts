/**
 * The CPU implementation of {@link Device}: WebAssembly kernels on threads that share a memory.
 * An operation has run when its call returns.
 *
 * @module
 */
import { optionError, UserError } from "../../errors.ts";
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../bfloat16.ts";
import { sizeOf } from "../../shapes.ts";
import type { Hardware } from "../device.ts";
import { bytesOf, type Tensor } from "../tensor.ts";
import { adamWOperations } from "./adamw.ts";
import { attentionOperations } from "./attention.ts";
import { type Blas, loadBlas } from "./blas.ts";
import { elementwiseOperations } from "./elementwise.ts";
import { embeddingOperations } from "./embedding.ts";
import { widestAddresses } from "./kernels.ts";
import { lossOperations } from "./loss.ts";
import { matmulOperations } from "./matmul.ts";
import { CountingMemory } from "./counting_memory.ts";
import { CpuMemory } from "./memory.ts";
import { muonOperations } from "./muon.ts";
import { normOperations } from "./norm.ts";
import { countingPool, MOST_THREADS, type Pool, startPool } from "./pool.ts";
import { rotaryOperations } from "./rotary.ts";
import { sampleOperations } from "./sample.ts";
import { smearOperations } from "./smear.ts";
import { CpuTensor, cpuTensor, isBfloat16 } from "./tensor.ts";
import { valueEmbeddingOperations } from "./value_embedding.ts";

/** Kernels count elements in int32. */
const MOST_ELEMENTS = 2 ** 31 - 1;

/** Options of {@link createCpuDevice}. */
export interface CpuOptions {
  /**
   * How many threads compute, the calling one included: 1 to 255, one per core unless given.
   */
  threads?: number;
  /**
   * A BLAS library for large products: `off` (the default), the path of one, or `auto` to look for
   * one and do without if there is none. Loading one needs `--allow-ffi`.
   */
  blas?: string;
  /** How many bytes it may have in all; as many as a WebAssembly memory, unless given. */
  maxMemoryBytes?: number;
}

/**
 * Opens the CPU device.
 *
 * Its memory is one WebAssembly memory of at most 16 GiB, or 4 GiB where the host knows no 64-bit
 * memories. Results do not depend on the number of threads.
 *
 * @throws {UserError} when it cannot have so many threads, or a BLAS library was asked for and cannot
 * be used.
 *
 * @example
 * ```ts
 * import { createCpuDevice } from "@nanochat/sft/device";
 * import { assertEquals } from "@std/assert";
 * const device = await createCpuDevice({ threads: 2 });
 * const x = device.allocate("x", [2, 2]), out = device.allocate("out", [2, 2]);
 * device.write(x, Float32Array.of(1, 2, 3, 4));
 * device.matmul({ out, a: x, b: x, layout: "nn" });
 * assertEquals([...await device.read(out)], [7, 10, 15, 22]);
 * await device.close();
 * ```
 */
export async function createCpuDevice(options: CpuOptions = {}): Promise<Hardware> {
  const { blas: choice = "off" } = options;
  const threads = options.threads ?? Math.min(navigator.hardwareConcurrency, MOST_THREADS);
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS) {
    throw optionError("threads", `a whole number from 1 to ${MOST_THREADS}`, threads);
  }
  const memory = new CpuMemory(await widestAddresses(), options.maxMemoryBytes);
  const pool = await startPool(memory, threads);
  const blas = choice === "off" ? undefined : loadBlas(choice, memory.memory, pool.threads);
  return deviceOn(memory, pool, blas);
}

/** How many times what a device has is counted: what takes more is a slip of the finger. */
const COUNTED = 64;

/** The device of a memory and a pool. */
function deviceOn(memory: CpuMemory, pool: Pool, blas: Blas | undefined): Hardware {
  const values = (tensor: Tensor, offset = 0, count = tensor.size - offset) => {
    const { name, pointer, size, dtype } = cpuTensor(tensor);
    if (offset < 0 || count < 0 || offset + count > size) {
      throw new RangeError(`${name} has ${size} elements, not ${offset} + ${count}`);
    }
    if (dtype === "float16") throw new TypeError(`${name} cannot be in float16 here`);
    return memory[dtype](pointer + bytesOf(dtype) * offset, count);
  };
  /** A copy outside of the shared memory. */
  const copyOf = (source: Float32Array | Int32Array | Uint16Array) => {
    if (source instanceof Uint16Array) return bfloat16ToFloat32(source);
    return source instanceof Int32Array ? Int32Array.from(source) : Float32Array.from(source);
  };
  const staged = (tensor: Tensor, offset?: number, count?: number) => {
    const copy = copyOf(values(tensor, offset, count));
    return { values: () => Promise.resolve(copy) };
  };

  const elementwise = elementwiseOperations(pool, memory);
  return {
    kind: "cpu",
    isSoftware: true,
    name: `WebAssembly on ${pool.threads} thread${pool.threads === 1 ? "" : "s"}` +
      (blas ? `, large products by ${blas.path}` : ""),
    get memory() {
      return { used: memory.used, peak: memory.peak, limit: memory.limit };
    },
    counting: () => {
      const counting = new CountingMemory(COUNTED * memory.limit);
      return deviceOn(counting, countingPool(pool, counting), blas && { ...blas, gemm: () => {} });
    },
    fits: (counted) => Promise.resolve(counted.memory.peak <= memory.limit),
    allocate: (name, shape, dtype = "float32") => {
      if (dtype === "float16") throw new UserError(`The CPU device cannot keep ${name} in float16`);
      const bytes = bytesOf(dtype) * sizeOf(shape);
      if (sizeOf(shape) > MOST_ELEMENTS) {
        throw new UserError(
          `The CPU device cannot hold ${name} (${bytes / 2 ** 20} MiB): no tensor can have more ` +
            `than ${MOST_ELEMENTS} elements`,
          {
            detail: { kind: "memory", tensor: name, bytes, limit: bytesOf(dtype) * MOST_ELEMENTS },
          },
        );
      }
      return new CpuTensor(name, [...shape], dtype, memory.allocate(name, bytes));
    },
    view: (tensor, shape) => {
      const { name, dtype, pointer, size, owner } = cpuTensor(tensor);
      if (sizeOf(shape) > size) {
        throw new RangeError(`a view (${shape.join(", ")}) of ${name} is larger than it`);
      }
      return new CpuTensor(name, [...shape], dtype, pointer, owner ?? tensor as CpuTensor);
    },
    free: (tensor) => {
      const owner = cpuTensor(tensor);
      if (owner.owner) throw new TypeError(`${tensor.name} is a view, which is not freed`);
      memory.free(owner.pointer, owner.bytes);
      owner.freed = true;
    },
    write: (tensor, data, offset = 0) => {
      const rounded = isBfloat16(tensor) ? float32ToBfloat16(data as Float32Array) : data;
      values(tensor, offset, data.length).set(rounded);
    },
    stage: staged,
    read: (tensor, offset, count) => staged(tensor, offset, count).values(),
    submit: () => {},
    synchronize: () => Promise.resolve(),
    close: async () => {
      await pool.close();
      blas?.close();
    },

    ...adamWOperations(pool, memory),
    ...attentionOperations(pool),
    ...elementwise,
    ...embeddingOperations(pool, memory),
    ...lossOperations(pool),
    ...matmulOperations(pool, blas),
    ...muonOperations(pool, memory),
    ...normOperations(pool, elementwise),
    ...rotaryOperations(pool),
    ...sampleOperations(pool),
    ...smearOperations(pool),
    ...valueEmbeddingOperations(pool),
  };
}
