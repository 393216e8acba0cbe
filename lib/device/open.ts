/**
 * Choosing a device.
 *
 * @module
 */
import { optionError } from "../errors.ts";
import { createCpuDevice } from "./cpu/mod.ts";
import type { Hardware } from "./device.ts";
import { adapterAdvice, memoryLimit } from "./host.ts";
import { createWebGpuDevice, findAdapter, type Measurements } from "./webgpu/mod.ts";
import { webGpuOf, type WebGpuProvider } from "./webgpu/provider.ts";

/** Which device is asked for. */
export interface DeviceChoice {
  /** `webgpu`, `cpu`, or undefined for a hardware GPU if there is one, else the CPU. */
  deviceType?: "webgpu" | "cpu";
  /** Whose WebGPU: `deno` (the default), or `dawn`, whose package is downloaded when it is first used. */
  webgpu?: WebGpuProvider;
  /** Threads of the CPU device; one per core unless given. */
  threads?: number;
  /** BLAS library of the CPU device: `off` (the default), `auto`, or a file. */
  blas?: string;
  /** Whether a graphics card is measured anew, although that was done before. */
  retune?: boolean;
}

/** What is asked of {@link openDevice}. */
export interface DeviceOptions extends DeviceChoice {
  /** Processes of this computer that each open a device, and share its memory: 1. */
  processes?: number;
  /** Where measurements of a graphics card are kept; in this process alone unless given. */
  measurements?: Measurements;
  /** A clock in milliseconds, for measuring a GPU; `performance.now` unless given. */
  now?: () => number;
}

/**
 * Opens the device asked for; if none is, a hardware GPU where there is one that works, else the
 * CPU.
 *
 * @returns The device, and why it was chosen, for the person to read.
 * @throws {UserError} when WebGPU is asked for and there is no adapter; the message says how to get
 * one on this system. When Dawn's is asked for and cannot be had, or not for the CPU.
 */
export async function openDevice(
  options: DeviceOptions = {},
): Promise<{ device: Hardware; reason: string }> {
  const { deviceType, webgpu = "deno", threads, blas, processes = 1 } = options;
  const { measurements, retune, now } = options;
  if (deviceType === "cpu" && webgpu !== "deno") {
    throw optionError("webgpu", "left out where the device is the CPU", webgpu);
  }
  const gpu = deviceType === "cpu" ? undefined : await webGpuOf(webgpu);
  const adapter = gpu && await findAdapter(gpu);
  const software = adapter?.info.isFallbackAdapter ?? false;
  const openWebGpu = () =>
    createWebGpuDevice({
      gpu,
      adapterAdvice: adapterAdvice(),
      maxMemoryBytes: memoryLimit(software) / processes,
      measurements,
      retune,
      now,
    });
  if (deviceType === "webgpu") {
    return { device: await openWebGpu(), reason: "as asked" };
  }
  let reason = "as asked";
  if (deviceType === undefined) {
    if (adapter && !software) {
      try {
        return { device: await openWebGpu(), reason: "a hardware GPU was found" };
      } catch (error) {
        reason = `the GPU cannot be used: ${error instanceof Error ? error.message : error}`;
      }
    } else {
      reason = "no hardware GPU was found, and a software one was not asked for";
    }
  }
  const maxMemoryBytes = memoryLimit(true) / processes;
  const device = await createCpuDevice({ threads, blas, maxMemoryBytes });
  return { device, reason };
}
