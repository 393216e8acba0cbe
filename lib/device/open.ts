/**
 * Choosing a device.
 *
 * @module
 */
import { createCpuDevice } from "./cpu/mod.ts";
import type { Device } from "./device.ts";
import { createWebGpuDevice, findAdapter } from "./webgpu/mod.ts";

/** What is asked of {@link openDevice}. */
export interface DeviceOptions {
  /** `webgpu`, `cpu`, or undefined for a hardware GPU if there is one, else the CPU. */
  deviceType?: "webgpu" | "cpu";
  /** Threads of the CPU device; one per core unless given. */
  threads?: number;
  /** BLAS library of the CPU device: `off` (the default), `auto`, or a file. */
  blas?: string;
  /** A clock in milliseconds, for measuring a GPU; `performance.now` unless given. */
  now?: () => number;
}

/**
 * Opens the device asked for; if none is, a hardware GPU where there is one that works, else the
 * CPU.
 *
 * @returns The device, and why it was chosen, for the person to read.
 */
export async function openDevice(
  options: DeviceOptions = {},
): Promise<{ device: Device; reason: string }> {
  const { deviceType, threads, blas, now } = options;
  if (deviceType === "webgpu") {
    return { device: await createWebGpuDevice({ now }), reason: "as asked" };
  }
  let reason = "as asked";
  if (deviceType === undefined) {
    const adapter = await findAdapter();
    if (adapter && !adapter.info.isFallbackAdapter) {
      try {
        return { device: await createWebGpuDevice({ now }), reason: "a hardware GPU was found" };
      } catch (error) {
        reason = `the GPU cannot be used: ${error instanceof Error ? error.message : error}`;
      }
    } else {
      reason = "no hardware GPU was found, and a software one was not asked for";
    }
  }
  return { device: await createCpuDevice({ threads, blas }), reason };
}
