/**
 * Recording of kernels: the stream of dispatches and copies between two submissions.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { sizeOf } from "../../shapes.ts";
import { bytesOf, type Tensor } from "../tensor.ts";
import { BindGroups } from "./bind_groups.ts";
import { type GpuFeatures, NO_FEATURES } from "./features.ts";
import { type Kernel, KernelCache } from "./kernel.ts";
import { formatBytes, Memory, outOfMemory, tooLarge, WebGpuTensor } from "./memory.ts";
import type { TemplateValues } from "./template.ts";

/** A range of a tensor's elements, as a kernel's binding. */
export interface Slice {
  tensor: Tensor;
  /** First element. */
  start: number;
  /** Number of elements. */
  count: number;
}

/** A part of the rows of some tensors, small enough to be bound. */
export interface RowPart<Tensors> {
  /** First row. */
  start: number;
  /** Number of rows. */
  count: number;
  /** The rows of each tensor. */
  slices: { [Name in keyof Tensors]: undefined extends Tensors[Name] ? Slice | undefined : Slice };
}

/** Tensors by name; those left out are undefined. */
export type Tensors = Readonly<Record<string, Tensor | undefined>>;

/** What a kernel's storage variables are bound to. */
export type Bindings = Readonly<Record<string, Tensor | Slice | undefined>>;

/** Measures kernels: while there is one, every dispatch has a compute pass of its own. */
export interface Profiler {
  /**
   * Describes the pass of the next dispatch.
   *
   * @param source WGSL of the dispatched kernel, before the template is expanded.
   */
  describePass(source: string): GPUComputePassDescriptor;
}

/** Bytes of uniforms between two submissions. */
const UNIFORM_BYTES = 2 ** 20;

/**
 * Multiply-adds between two submissions until the adapter's speed is known: systems stop a GPU that
 * works for seconds on one submission (Windows after two).
 */
const FIRST_WORK = 2 ** 34;

/** Multiply-adds that take as long as a workgroup of a kernel that memory limits. */
const GROUP_WORK = 2 ** 14;

/** How long after a failure, in milliseconds, a lost GPU says that it was lost. */
const REASON_MS = 1000;

/** The largest number of workgroups in one dimension that WebGPU guarantees. */
const MAX_GROUPS = 65535;

/** A WebGPU device with its memory, its kernels and the operations not yet submitted. */
export class Gpu {
  readonly memory: Memory;
  /** Largest range of a buffer that a kernel is given. */
  readonly maxBindingBytes: number;
  /** Multiply-adds, more or less, after which what was recorded is submitted. */
  maxWork = FIRST_WORK;
  /** Sees the dispatches from here on. */
  profiler: Profiler | undefined;
  readonly #kernels: KernelCache;
  readonly #uniforms: GPUBuffer;
  readonly #uniformBytes = new ArrayBuffer(UNIFORM_BYTES);
  readonly #uniformView = new DataView(this.#uniformBytes);
  #uniformsUsed = 0;
  #work = 0;
  /** The bind groups that are kept. */
  readonly bindGroups: BindGroups = new BindGroups();
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #scratch: Tensor | undefined;
  /** Ends what {@link answer} waits for. */
  readonly #waiting = new Set<(reason: Error) => void>();
  #closed = false;

  constructor(
    readonly device: GPUDevice,
    maxBindingBytes: number,
    maxMemoryBytes: number,
    readonly features: GpuFeatures = NO_FEATURES,
  ) {
    this.memory = new Memory(device, maxMemoryBytes);
    device.addEventListener("uncapturederror", (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      this.memory.fail(
        // By name, since not every WebGPU that a program brings has its classes in the global scope.
        error.constructor.name === "GPUOutOfMemoryError"
          ? outOfMemory(`an operation (${error.message})`)
          : new Error(`WebGPU: ${error.message}`),
      );
    });
    device.lost.then(({ message }) => {
      if (this.#closed) return;
      this.memory.fail(
        new UserError(
          `The GPU was lost (${message}): it ran out of memory, its driver failed, or the system ` +
            "stopped it",
          { detail: { kind: "deviceLost" } },
        ),
      );
      for (const reject of this.#waiting) reject(new Error(message));
    });
    this.maxBindingBytes = maxBindingBytes;
    this.#kernels = new KernelCache(device, features);
    this.#uniforms = device.createBuffer({
      size: UNIFORM_BYTES,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** A kernel from its template; compiled at the first call, found again at the next. */
  kernel(source: string, values: TemplateValues = {}): Kernel {
    return this.#kernels.get(source, values);
  }

  /**
   * Records a dispatch.
   *
   * @param bindings What each storage variable of the kernel is bound to; others may be there too.
   * @param uniforms The members of the kernel's `Args`.
   * @param groups Workgroups, as a grid, or as a number that is spread over two dimensions (the
   * kernel counts `x + y · num_workgroups.x` and returns where that is too many).
   * @param work Multiply-adds; those of a kernel that memory limits unless given.
   */
  run(
    kernel: Kernel,
    bindings: Bindings,
    uniforms: Readonly<Record<string, number>>,
    groups: number | readonly [number, number, number],
    work?: number,
  ): void {
    const [x, y, z] = typeof groups === "number" ? spread(groups) : groups;
    if (x * y * z === 0) return;
    if (this.#uniformsUsed + kernel.uniformStride > UNIFORM_BYTES) this.submit();
    if (this.#work >= this.maxWork) this.submit();
    this.#work += work ?? x * y * z * GROUP_WORK;
    const bindGroup = this.#bindGroup(kernel, bindings);
    kernel.writeUniforms(this.#uniformView, this.#uniformsUsed, uniforms);
    if (this.profiler) this.copies();
    this.#pass ??= this.#commands().beginComputePass(this.profiler?.describePass(kernel.source));
    this.#pass.setPipeline(kernel.pipeline);
    this.#pass.setBindGroup(0, bindGroup, [this.#uniformsUsed]);
    this.#pass.dispatchWorkgroups(x, y, z);
    this.#uniformsUsed += kernel.uniformStride;
  }

  /** The encoder between two passes, for copies. */
  copies(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = undefined;
    return this.#commands();
  }

  /** Whether operations were recorded that are not submitted. */
  get pending(): boolean {
    return this.#encoder !== undefined;
  }

  /**
   * Submits what was recorded.
   *
   * @throws {UserError} when the GPU is lost or out of memory.
   */
  submit(): void {
    this.memory.check();
    if (!this.#encoder) return;
    const encoder = this.copies();
    this.#encoder = undefined;
    this.#work = 0;
    if (this.#uniformsUsed > 0) {
      this.device.queue.writeBuffer(this.#uniforms, 0, this.#uniformBytes, 0, this.#uniformsUsed);
      this.#uniformsUsed = 0;
    }
    this.device.queue.submit([encoder.finish()]);
  }

  /**
   * Memory for results between two kernels of one operation, of at least `count` elements. It grows
   * to the largest size asked for, so a step that was seen before allocates nothing.
   */
  scratch(count: number): Slice {
    if (!this.#scratch || this.#scratch.size < count) {
      if (this.#scratch) this.free(this.#scratch);
      this.#scratch = this.allocate("scratch memory", [count], "float32");
    }
    return { tensor: this.#scratch, start: 0, count };
  }

  /**
   * See {@link Device.allocate}.
   *
   * @throws {RangeError} for rows of 16 bits that are no multiple of four numbers: kernels and
   * copies take whole fours.
   */
  allocate(name: string, shape: readonly number[], dtype: Tensor["dtype"]): Tensor {
    if (bytesOf(dtype) === 2 && (shape.at(-1) ?? 1) % 4 !== 0) {
      const rows = `rows of ${name} (${shape.join(", ")})`;
      throw new RangeError(`${rows} are no multiple of four long, as those in ${dtype} must be`);
    }
    return new WebGpuTensor(name, shape, dtype, this.memory.allocate({ name, shape, dtype }));
  }

  /** See {@link Device.free}. */
  free(tensor: Tensor): void {
    // A destroyed buffer may not be part of a later submission. After a failure there is none.
    if (!this.memory.hasFailed) this.submit();
    const { allocation } = onGpu(tensor);
    this.bindGroups.forget(allocation.id);
    this.memory.free(allocation);
  }

  /**
   * What the GPU answers. A lost GPU may never do so, and says why it was lost just after its other
   * answers fail.
   *
   * @throws {UserError} when the GPU is lost or out of memory.
   */
  async answer<T>(promise: Promise<T>): Promise<T> {
    const { promise: lost, reject } = Promise.withResolvers<never>();
    this.#waiting.add(reject);
    try {
      const answer = await Promise.race([promise, lost]);
      this.memory.check();
      return answer;
    } catch (error) {
      if (!this.memory.hasFailed) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, REASON_MS);
          lost.catch(() => (clearTimeout(timer), resolve()));
        });
      }
      this.memory.check();
      throw error;
    } finally {
      this.#waiting.delete(reject);
    }
  }

  /** Gives everything back. What was recorded and not submitted is dropped. */
  close(): void {
    this.#closed = true;
    this.memory.close();
    this.device.destroy();
  }

  /**
   * How many of `rows` rows can be bound at once, all if possible, else a multiple of `multiple`
   * after which the next rows can be bound too.
   *
   * @param tensors Each tensor with the length of its rows.
   * @param wanted So many are enough.
   * @throws {UserError} when not even a few rows can be bound.
   */
  rowsThatFit(
    rows: number,
    tensors: readonly [Tensor, number][],
    multiple = 1,
    wanted = Infinity,
  ): number {
    const alignment = this.device.limits.minStorageBufferOffsetAlignment;
    let most = Math.min(rows, wanted);
    // Alignments are powers of two, so the largest granule fits all.
    let granule = multiple;
    let widest: Tensor | undefined;
    for (const [tensor, length] of tensors) {
      const rowBytes = length * bytesOf(tensor.dtype);
      const fitting = Math.floor(this.maxBindingBytes / rowBytes);
      if (fitting < most) [most, widest] = [fitting, tensor];
      granule = Math.max(granule, alignment / commonDivisor(rowBytes, alignment));
    }
    if (most >= rows) return rows;
    const whole = Math.floor(most / granule) * granule;
    if (whole > 0) return whole;
    if (widest) this.#throwUnbindable(widest);
    return granule;
  }

  /**
   * Cuts tensors of the same number of rows into parts that can be bound. Row `i` of a tensor is
   * its elements from i·size/rows.
   *
   * @param wanted At most so many rows a part, if that can be.
   * @throws {UserError} when not even a few rows can be bound.
   */
  *split<T extends Tensors>(rows: number, tensors: T, wanted?: number): Generator<RowPart<T>> {
    const entries = Object.entries(tensors).filter((entry): entry is [string, Tensor] =>
      !!entry[1]
    );
    const lengths = entries.map(([, tensor]): [Tensor, number] => [tensor, tensor.size / rows]);
    const most = this.rowsThatFit(rows, lengths, 1, wanted);
    for (let start = 0; start < rows; start += most) {
      const count = Math.min(most, rows - start);
      const slices = Object.fromEntries(entries.map(([name, tensor]) => {
        const length = tensor.size / rows;
        return [name, { tensor, start: start * length, count: count * length }];
      })) as RowPart<T>["slices"];
      yield { start, count, slices };
    }
  }

  /**
   * A range of elements, from a place where a binding may start: `offset` elements of the slice come
   * before the range.
   */
  window(tensor: Tensor, start: number, count: number): { slice: Slice; offset: number } {
    const bytes = this.device.limits.minStorageBufferOffsetAlignment;
    const alignment = bytes / bytesOf(tensor.dtype);
    const offset = start % alignment;
    return { slice: { tensor, start: start - offset, count: count + offset }, offset };
  }

  #commands(): GPUCommandEncoder {
    return this.#encoder ??= this.device.createCommandEncoder();
  }

  #bindGroup(kernel: Kernel, bindings: Bindings): GPUBindGroup {
    let key = kernel.layoutKey;
    for (const { name } of kernel.bindings) {
      const { tensor, start, count } = asSlice(bindings[name], name);
      key += ` ${onGpu(tensor).allocation.id}:${start}:${count}`;
    }
    const cached = this.bindGroups.get(key);
    if (cached) return cached;

    const bound = new Set<number>();
    const uniforms = { buffer: this.#uniforms, size: kernel.uniformSize };
    const entries: GPUBindGroupEntry[] = [{ binding: 0, resource: uniforms }];
    for (const { name, binding, halves } of kernel.bindings) {
      const { tensor, start, count } = asSlice(bindings[name], name);
      if (bytesOf(tensor.dtype) === 2 && !halves) {
        throw new TypeError(`${tensor.name} is ${tensor.dtype}, which its kernel does not take`);
      }
      const bytes = bytesOf(tensor.dtype), size = Math.ceil(count * bytes / 4) * 4;
      if (size > this.maxBindingBytes) this.#throwUnbindable(tensor);
      const { allocation } = onGpu(tensor);
      const buffer = allocation.buffer;
      entries.push({ binding, resource: { buffer, offset: start * bytes, size } });
      bound.add(allocation.id);
    }
    const group = this.device.createBindGroup({ layout: kernel.layout, entries });
    this.bindGroups.set(key, group, bound);
    return group;
  }

  #throwUnbindable(tensor: Tensor): never {
    const limit = this.maxBindingBytes;
    const reason = `kernels of this adapter see at most ${formatBytes(limit)}`;
    throw tooLarge(tensor, reason, limit);
  }
}

/** The tensor as this implementation's own. */
export function onGpu(tensor: Tensor): WebGpuTensor {
  if (tensor instanceof WebGpuTensor) return tensor;
  throw new TypeError(`${tensor.name} was not allocated by a WebGPU device`);
}

/** The same memory under another shape. */
export function viewOf(tensor: Tensor, shape: readonly number[]): Tensor {
  const { name, dtype, size, allocation } = onGpu(tensor);
  if (sizeOf(shape) > size) {
    throw new RangeError(`view: ${name} has ${size} elements, not (${shape.join(", ")})`);
  }
  return new WebGpuTensor(name, shape, dtype, allocation);
}

/** Whether two tensors share memory. */
export function sameMemory(a: Tensor, b: Tensor): boolean {
  return onGpu(a).allocation === onGpu(b).allocation;
}

function asSlice(binding: Tensor | Slice | undefined, name: string): Slice {
  if (!binding) throw new TypeError(`The kernel's binding ${name} is missing`);
  return "tensor" in binding ? binding : { tensor: binding, start: 0, count: binding.size };
}

function spread(groups: number): [number, number, number] {
  const y = Math.ceil(groups / MAX_GROUPS);
  return [y === 0 ? 0 : Math.ceil(groups / y), y, 1];
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
