/**
 * The only door to hardware: memory, and the named operations of {@link Operations}.
 *
 * @module
 */
import type { Operations } from "./operations.ts";
import type { DType, Tensor } from "./tensor.ts";

/** A copy of a tensor taken at one point of the operation stream, fetched when it is wanted. */
export interface Readback {
  /**
   * The values. On WebGPU this waits until the GPU has passed the point of the copy, so ask for it
   * as late as possible: after the next step was submitted.
   */
  values(): Promise<Float32Array | Int32Array>;
}

/** Floating-point operations a second at most, a multiply-add being two, by the type of its factors. */
export interface PeakFlops {
  /** In float32, which bfloat16 is widened to. */
  readonly float32: number;
  /** In float16. */
  readonly float16: number;
}

/**
 * A device: where tensors live and operations run. Operations take effect in the order they are
 * called, and {@link write} and {@link stage} keep their place in that order.
 */
export interface Device extends Operations {
  /** Which implementation this is. */
  readonly kind: "webgpu" | "cpu" | "float64";
  /** What a person would call it, such as the adapter's name or the number of threads. */
  readonly name: string;
  /** Bytes allocated now, and the most that were taken from the system at once so far. */
  readonly memory: { readonly used: number; readonly peak: number };
  /** What it can compute at most, where that was measured: a GPU's. */
  readonly peakFlops?: PeakFlops;

  /**
   * A new tensor filled with zeros.
   *
   * @throws {UserError} when the device cannot hold it; the message names the tensor and its size.
   * The CPU device has none in float16.
   */
  allocate(name: string, shape: readonly number[], dtype?: DType): Tensor;
  /**
   * The same memory from its start under another shape of the same or a smaller size. Costs
   * nothing, needs no {@link free}.
   */
  view(tensor: Tensor, shape: readonly number[]): Tensor;
  /** Gives the memory back. Operations already called still complete. */
  free(tensor: Tensor): void;
  /**
   * Overwrites elements from `offset` (in elements, default 0) with `data`; float32 is rounded to
   * nearest, halves to even, where the tensor has 16 bits, and saturates in float16. Write the inputs
   * of a micro-batch before its first operation: a write after an unsubmitted operation costs a
   * submission on WebGPU.
   */
  write(tensor: Tensor, data: Float32Array | Int32Array, offset?: number): void;
  /** Records a copy of `count` elements (default: the rest) from `offset`, to be read later. */
  stage(tensor: Tensor, offset?: number, count?: number): Readback;
  /**
   * Reads `count` elements (default: the rest) from `offset` and waits for them; 16 bits come as
   * float32.
   */
  read(tensor: Tensor, offset?: number, count?: number): Promise<Float32Array | Int32Array>;
  /** Hands the operations called so far to the hardware without waiting for them. */
  submit(): void;
  /** Waits until every operation called so far has run. */
  synchronize(): Promise<void>;
  /** Frees everything and lets the process end. */
  close(): Promise<void>;
}

/** A device of this computer, which can be asked beforehand what it has room for. */
export interface Hardware extends Device {
  /** Whether it computes on the processor that the program itself runs on. */
  readonly isSoftware: boolean;
  /** See {@link Device.memory}; and how much it may take at most, Infinity where nothing says. */
  readonly memory: { readonly used: number; readonly peak: number; readonly limit: number };
  /**
   * A device as this one that only counts: it takes no memory and computes nothing, but its
   * {@link memory} is what that of this one would be after the same calls if it had 64 times as
   * much, with all that operations work in. What is read from it is zero.
   */
  counting(): Hardware;
  /**
   * Whether this device has room for what one that counts was given, if it holds nothing yet. Where
   * the system does not say how much memory there is, it is tried out.
   */
  fits(counted: Hardware): Promise<boolean>;
}
