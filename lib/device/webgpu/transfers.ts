/**
 * Moving tensors between the host and the GPU.
 *
 * @module
 */
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../bfloat16.ts";
import { saturateToFloat16 } from "../../float16.ts";
import type { Readback } from "../device.ts";
import { bytesOf, type DType, type Tensor } from "../tensor.ts";
import { type Gpu, onGpu } from "./gpu.ts";

/** Elements moved at a time: what is moved exists once more on the way. */
const SLICE = 2 ** 23;

/** Bytes written until a submission: before one, WebGPU keeps a copy of all that was written. */
const UNSUBMITTED_BYTES = 2 ** 25;

/** Host access to the tensors of a device. */
export class Transfers {
  #unsubmitted = 0;

  constructor(private readonly gpu: Gpu) {}

  /** See {@link Device.write}. */
  write(tensor: Tensor, data: Float32Array | Int32Array, offset = 0): void {
    checkRange("write", tensor, offset, data.length);
    this.gpu.submit();
    const { queue } = this.gpu.device;
    const { allocation: { buffer }, dtype } = onGpu(tensor);
    for (let start = 0; start < data.length; start += SLICE) {
      const part = stored(data.subarray(start, start + SLICE), dtype);
      queue.writeBuffer(buffer, (offset + start) * bytesOf(dtype), part);
      this.#unsubmitted += part.byteLength;
      if (this.#unsubmitted >= UNSUBMITTED_BYTES) {
        queue.submit([]);
        this.#unsubmitted = 0;
      }
    }
  }

  /** See {@link Device.stage}. */
  stage(tensor: Tensor, offset = 0, count = tensor.size - offset): Readback {
    checkRange("stage", tensor, offset, count);
    const { gpu } = this;
    const each = bytesOf(tensor.dtype), bytes = count * each;
    const staging = gpu.memory.takeStaging(bytes);
    const { buffer } = onGpu(tensor).allocation;
    gpu.copies().copyBufferToBuffer(buffer, offset * each, staging, 0, bytes);

    const fetch = async (): Promise<Float32Array | Int32Array> => {
      gpu.submit();
      await gpu.answer(staging.mapAsync(GPUMapMode.READ, 0, bytes));
      const copy = staging.getMappedRange(0, bytes).slice(0);
      staging.unmap();
      gpu.memory.returnStaging(staging);
      return valuesOf(copy, tensor.dtype);
    };
    let values: Promise<Float32Array | Int32Array> | undefined;
    return { values: () => values ??= fetch() };
  }

  /** See {@link Device.read}. */
  async read(
    tensor: Tensor,
    offset = 0,
    count = tensor.size - offset,
  ): Promise<Float32Array | Int32Array> {
    if (count <= SLICE) return await this.stage(tensor, offset, count).values();
    const all = tensor.dtype === "int32" ? new Int32Array(count) : new Float32Array(count);
    for (let start = 0; start < count; start += SLICE) {
      const part = this.stage(tensor, offset + start, Math.min(SLICE, count - start));
      all.set(await part.values(), start);
    }
    return all;
  }

  /** See {@link Device.synchronize}. */
  async synchronize(): Promise<void> {
    this.gpu.submit();
    await this.gpu.answer(this.gpu.device.queue.onSubmittedWorkDone());
  }

  /** See {@link Device.close}. */
  async close(): Promise<void> {
    try {
      // Who still needed a lost GPU was told.
      if (!this.gpu.memory.hasFailed) await this.synchronize();
    } finally {
      this.gpu.close();
    }
  }
}

/** What is written for numbers: their bits, where the tensor has 16 of each. */
function stored(
  data: Float32Array | Int32Array,
  dtype: DType,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  if (dtype === "bfloat16") return float32ToBfloat16(data as Float32Array);
  if (dtype === "float16") return saturateToFloat16(data as Float32Array);
  return data as Float32Array<ArrayBuffer>;
}

/** The numbers of bytes that were read. */
function valuesOf(bytes: ArrayBuffer, dtype: DType): Float32Array | Int32Array {
  if (dtype === "int32") return new Int32Array(bytes);
  if (dtype === "bfloat16") return bfloat16ToFloat32(new Uint16Array(bytes));
  return dtype === "float16" ? new Float32Array(new Float16Array(bytes)) : new Float32Array(bytes);
}

function checkRange(what: string, tensor: Tensor, offset: number, count: number): void {
  if (offset < 0 || offset + count > tensor.size) {
    throw new RangeError(
      `${what}: ${tensor.name} has ${tensor.size} elements, not ${offset} to ${offset + count}`,
    );
  }
  // WebGPU moves whole fours of bytes.
  if (bytesOf(tensor.dtype) === 2 && (offset % 2 !== 0 || count % 2 !== 0)) {
    throw new RangeError(`${what}: numbers of ${tensor.name} are moved two at a time`);
  }
}
