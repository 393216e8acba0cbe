/**
 * Memory of a WebGPU device: one buffer per tensor, shared by its views, and staging buffers for
 * reading back.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { sizeOf } from "../../shapes.ts";
import { bytesOf, type DType, type Tensor } from "../tensor.ts";

/** A buffer that holds a tensor and its views. */
export interface Allocation {
  /** Distinguishes allocations in cache keys. */
  readonly id: number;
  readonly buffer: GPUBuffer;
  /** Bytes, a multiple of four. */
  readonly bytes: number;
}

/** A tensor in a WebGPU buffer, from the buffer's start. */
export class WebGpuTensor implements Tensor {
  readonly size: number;
  constructor(
    readonly name: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    readonly allocation: Allocation,
  ) {
    this.size = sizeOf(shape);
  }
}

/** Bytes as a person reads them. */
export function formatBytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes} bytes` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** The error for a tensor that does not fit the device. */
export function tooLarge(
  { name, shape, dtype }: Pick<Tensor, "name" | "shape" | "dtype">,
  reason: string,
  limit?: number,
): UserError {
  const bytes = sizeOf(shape) * bytesOf(dtype);
  return new UserError(
    `The device cannot hold ${name} (${shape.join(", ")}), ${formatBytes(bytes)}: ${reason}`,
    { detail: { kind: "memory", tensor: name, bytes, limit } },
  );
}

/** The error for what the GPU has no memory for. */
export function outOfMemory(what: string, bytes = 0): UserError {
  return new UserError(`The GPU is out of memory for ${what}`, {
    detail: { kind: "memory", tensor: what, bytes },
  });
}

/** Allocates buffers and counts their bytes. */
export class Memory {
  used = 0;
  peak = 0;
  /** What the driver reported after the fact; thrown by the next operation that may fail. */
  #failure: Error | undefined;
  #nextId = 0;
  readonly #live = new Map<number, Allocation>();
  /** Staging buffers at rest, by size. */
  readonly #staging = new Map<number, GPUBuffer[]>();

  /** @param limit How much may be allocated in all. */
  constructor(private readonly device: GPUDevice, readonly limit: number) {}

  /** A buffer of zeros for a tensor. */
  allocate(tensor: Pick<Tensor, "name" | "shape" | "dtype">): Allocation {
    const bytes = Math.ceil(Math.max(1, sizeOf(tensor.shape)) * bytesOf(tensor.dtype) / 4) * 4;
    const limit = this.device.limits.maxBufferSize;
    if (bytes > limit) {
      const reason = `a buffer of this adapter has at most ${formatBytes(limit)}`;
      throw tooLarge(tensor, reason, limit);
    }
    if (this.used + bytes > this.limit) {
      const [used, most] = [this.used, this.limit].map(formatBytes);
      throw tooLarge(tensor, `${used} of at most ${most} are allocated`, this.limit);
    }
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = this.#create(bytes, usage, () => {
      const total = formatBytes(this.used);
      return tooLarge(
        tensor,
        `the GPU is out of memory with ${total} allocated (a card without Resizable BAR, which is ` +
          "a setting of the firmware, refuses about 250 MiB at once: denoland/deno issue 35195)",
      );
    });
    const allocation = { id: this.#nextId++, buffer, bytes };
    this.#live.set(allocation.id, allocation);
    return allocation;
  }

  /** Gives a buffer back; work submitted with it still completes. */
  free(allocation: Allocation): void {
    if (!this.#live.delete(allocation.id)) return;
    allocation.buffer.destroy();
    this.used -= allocation.bytes;
  }

  /** A mappable buffer of at least `bytes`. */
  takeStaging(bytes: number): GPUBuffer {
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, 256)));
    return this.#staging.get(size)?.pop() ??
      this.#create(
        size,
        GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
        () => outOfMemory(`a copy of ${formatBytes(bytes)} to read`, bytes),
      );
  }

  /** Keeps an unmapped staging buffer for the next reader. */
  returnStaging(buffer: GPUBuffer): void {
    const pool = this.#staging.get(buffer.size) ?? [];
    this.#staging.set(buffer.size, pool);
    pool.push(buffer);
  }

  /**
   * Keeps the first error that the driver reports, but rather one that a person can mend than what
   * follows from it.
   */
  fail(error: Error): void {
    const isBetter = error instanceof UserError && !(this.#failure instanceof UserError);
    if (!this.#failure || isBetter) this.#failure = error;
  }

  /** Whether the driver reported an error. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Throws what the driver reported. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Destroys every buffer. */
  close(): void {
    for (const allocation of this.#live.values()) this.free(allocation);
    for (const buffer of [...this.#staging.values()].flat()) buffer.destroy();
    this.#staging.clear();
    this.used = 0;
  }

  #create(size: number, usage: number, failure: () => UserError): GPUBuffer {
    this.check();
    this.device.pushErrorScope("out-of-memory");
    const buffer = this.device.createBuffer({ size, usage });
    this.device.popErrorScope().then(
      (error) => {
        if (error) this.fail(failure());
      },
      () => {}, // Of a lost device, which says so itself.
    );
    this.used += size;
    this.peak = Math.max(this.peak, this.used);
    return buffer;
  }
}
