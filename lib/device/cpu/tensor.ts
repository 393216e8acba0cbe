/**
 * Tensors of the CPU device: addresses in the shared memory.
 *
 * @module
 */
import { sizeOf } from "../../shapes.ts";
import type { Guard } from "../operations.ts";
import { bytesOf, type DType, type Tensor } from "../tensor.ts";
import type { CpuMemory } from "./memory.ts";

/** A tensor in the shared memory. */
export class CpuTensor implements Tensor {
  /** Number of elements. */
  readonly size: number;
  /** Whether its memory was given back. */
  freed = false;

  /** `owner` is the tensor that a view shares memory with. */
  constructor(
    readonly name: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    readonly pointer: number,
    readonly owner?: CpuTensor,
  ) {
    this.size = sizeOf(shape);
  }

  /** Bytes of its elements. */
  get bytes(): number {
    return this.size * bytesOf(this.dtype);
  }
}

/** A tensor that must be this device's and alive. */
export function cpuTensor(tensor: Tensor): CpuTensor {
  if (!(tensor instanceof CpuTensor)) {
    throw new TypeError(`${tensor.name} is not a tensor of the CPU device`);
  }
  if (tensor.freed || tensor.owner?.freed) throw new TypeError(`${tensor.name} was freed`);
  return tensor;
}

/** The address of a tensor of four bytes an element, or 0 for none. */
export function at(tensor: Tensor | undefined): number {
  if (tensor?.dtype === "bfloat16") {
    throw new TypeError(`${tensor.name} is bfloat16, which this operation does not take there`);
  }
  return weightsAt(tensor);
}

/** The address of a tensor that may be bfloat16, or 0 for none. */
export function weightsAt(tensor: Tensor | undefined): number {
  return tensor === undefined ? 0 : cpuTensor(tensor).pointer;
}

/** Whether a tensor is kept in bfloat16. */
export function isBfloat16(tensor: Tensor): boolean {
  return tensor.dtype === "bfloat16";
}

/** Whether a guard is there and not 0. */
export function isSet(memory: CpuMemory, guard: Guard | undefined): boolean {
  return guard !== undefined && memory.int32(at(guard), 1)[0] !== 0;
}
