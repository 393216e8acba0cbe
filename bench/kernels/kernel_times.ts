/** The times of kernels by the GPU's own clock. */
import { fromFileUrl } from "@std/path";
import type { Profiler } from "../../lib/device/mod.ts";

/** As many as a set of WebGPU can have; a dispatch takes two. */
const TIMESTAMPS = 4096;
const TIMESTAMP_BYTES = 8;

/** One dispatch. */
export interface KernelTime {
  /** WGSL of the kernel, before the template is expanded. */
  source: string;
  ms: number;
}

/** Takes the time of every dispatch of a device. */
export class KernelTimes implements Profiler {
  /** Nanoseconds of a tick; WebGPU says one, but not every system has such a clock. */
  tick = 1;
  #sources: string[] = [];
  readonly #timestamps: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readable: GPUBuffer;

  constructor(readonly device: GPUDevice) {
    this.#timestamps = device.createQuerySet({ type: "timestamp", count: TIMESTAMPS });
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const size = TIMESTAMPS * TIMESTAMP_BYTES;
    this.#resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
    this.#readable = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
  }

  describePass(source: string): GPUComputePassDescriptor {
    const first = 2 * this.#sources.length;
    if (first === TIMESTAMPS) throw new RangeError("more dispatches than are timed at once");
    this.#sources.push(source);
    return {
      timestampWrites: {
        querySet: this.#timestamps,
        beginningOfPassWriteIndex: first,
        endOfPassWriteIndex: first + 1,
      },
    };
  }

  /** The dispatches since the last call, all of them submitted, once they have run. */
  async take(): Promise<KernelTime[]> {
    const sources = this.#sources;
    this.#sources = [];
    if (sources.length === 0) return [];
    const count = 2 * sources.length, bytes = count * TIMESTAMP_BYTES;
    const encoder = this.device.createCommandEncoder();
    encoder.resolveQuerySet(this.#timestamps, 0, count, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readable, 0, bytes);
    this.device.queue.submit([encoder.finish()]);
    await this.#readable.mapAsync(GPUMapMode.READ, 0, bytes);
    const ticks = new BigUint64Array(this.#readable.getMappedRange(0, bytes).slice(0));
    this.#readable.unmap();
    return sources.map((source, i) => ({
      source,
      ms: Number(ticks[2 * i + 1] - ticks[2 * i]) * this.tick / 1e6,
    }));
  }
}

/** Finds a kernel's file, whose text ends the kernel's source; the texts before it are shared. */
export async function kernelNames(): Promise<(source: string) => string> {
  const folder = new URL("../../kernels/webgpu/", import.meta.url);
  const files: { name: string; text: string }[] = [];
  for await (const { name } of Deno.readDir(fromFileUrl(folder))) {
    const text = await Deno.readTextFile(new URL(name, folder));
    files.push({ name: name.replace(".wgsl", ""), text });
  }
  return (source) => files.find(({ text }) => source.endsWith(text))?.name ?? "unknown";
}
