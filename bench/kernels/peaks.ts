/** What an adapter can do at most: multiply-adds in registers, and memory read and written. */
import multiplyAddsSource from "../../kernels/webgpu/multiply_adds.wgsl" with { type: "text" };
import type { GpuFeatures } from "../../lib/device/webgpu/features.ts";
import { Gpu } from "../../lib/device/webgpu/gpu.ts";
import copySource from "./copy.wgsl" with { type: "text" };
import type { KernelTimes } from "./kernel_times.ts";

/** The measured rates of an adapter. */
export interface Peaks {
  /** Floating-point operations per millisecond; a multiply-add is two. */
  flops: number;
  /** The same in float16, where the adapter has that. */
  halfFlops?: number;
  /** Bytes per millisecond, read and written together. */
  bytes: number;
}

/** A measurement is repeated so often; the fastest counts. */
const RUNS = 6;

/** Independent numbers of a thread. */
const CHAINS = 10;
/** Multiply-adds of each between two turns of the loop: one suits adapters on the CPU, one GPUs. */
const STEPS = [4, 16];
const GROUPS = 4096;
/** The clocks of GPUs are too coarse for much less, in milliseconds. */
const LEAST_MS = 10;

/** Bytes that are copied, more than caches hold. */
const COPY_BYTES = 2 ** 26;
const COPY_STEPS = 4;

/**
 * Measures the adapter of `times`, and finds out how long a tick of its clock is.
 *
 * @param features Of the device of `times`.
 */
export async function measurePeaks(times: KernelTimes, features: GpuFeatures): Promise<Peaks> {
  const { device } = times;
  const gpu = new Gpu(device, device.limits.maxStorageBufferBindingSize, Infinity, features);
  gpu.profiler = times;
  const flops = await multiplyAdds(gpu, times, false);
  const halfFlops = features.float16 ? await multiplyAdds(gpu, times, true) : undefined;
  const bytes = await copied(gpu, times);
  gpu.memory.close();
  return { flops, halfFlops, bytes };
}

async function multiplyAdds(gpu: Gpu, times: KernelTimes, HALF: boolean): Promise<number> {
  const out = gpu.allocate("sums", [GROUPS * 64], "float32");
  let best = 0;
  for (const steps of STEPS) {
    const kernel = gpu.kernel(multiplyAddsSource, { CHAINS, STEPS: steps, HALF });
    const timed = async (rounds: number, runs: number) => {
      const start = performance.now();
      for (let i = 0; i < runs; i++) gpu.run(kernel, { out }, { rounds }, [GROUPS, 1, 1]);
      gpu.submit();
      const all = (await times.take()).map(({ ms }) => ms);
      return { all, waited: performance.now() - start };
    };
    // The first run also waits for the compiler.
    await timed(1, 1);
    let rounds = 1;
    while ((await timed(rounds, 1)).waited < 2 * LEAST_MS) rounds *= 2;
    const { all, waited } = await timed(rounds, RUNS);
    const correction = tickCorrection(waited / all.reduce((sum, ms) => sum + ms));
    times.tick *= correction;
    const flops = 2 * GROUPS * 64 * CHAINS * steps * rounds * (HALF ? 2 : 1);
    best = Math.max(best, flops / (Math.min(...all) * correction));
  }
  gpu.free(out);
  return best;
}

/**
 * What to multiply a tick with, from the time that was waited for some kernels and their own time.
 * These differ a little; a tick that is no nanosecond makes them differ ten times and more.
 */
function tickCorrection(ratio: number): number {
  return ratio > 0.5 && ratio < 2 ? 1 : ratio;
}

async function copied(gpu: Gpu, times: KernelTimes): Promise<number> {
  const bytes = Math.min(COPY_BYTES, gpu.maxBindingBytes);
  const [x, out] = ["from", "to"].map((name) => gpu.allocate(name, [bytes / 4], "float32"));
  const kernel = gpu.kernel(copySource, { STEPS: COPY_STEPS });
  const count = bytes / 16;
  for (let i = 0; i < RUNS; i++) {
    gpu.run(kernel, { x, out }, { count }, Math.floor(count / (64 * COPY_STEPS)));
  }
  gpu.submit();
  const all = (await times.take()).map(({ ms }) => ms);
  [x, out].forEach((tensor) => gpu.free(tensor));
  return 2 * bytes / Math.min(...all);
}
