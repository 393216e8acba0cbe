/**
 * The devices that the tests of operations run on. A device that this machine lacks is listed with
 * `device: undefined`, and its tests are registered as ignored.
 */
import { UserError } from "../../lib/errors.ts";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { createWebGpuDevice, type WebGpuOptions } from "../../lib/device/webgpu/mod.ts";

export interface DeviceUnderTest {
  name: string;
  /** Opened once per test file. */
  device: Device | undefined;
}

/** WebGPU with the given options, where there is an adapter. */
export async function webGpu(name: string, options?: WebGpuOptions): Promise<DeviceUnderTest> {
  try {
    return { name, device: await createWebGpuDevice(options) };
  } catch (error) {
    if (error instanceof UserError) return { name, device: undefined };
    throw error;
  }
}

/** A small limit on bindings and work, so that small tensors are split. */
const SMALL = { maxBindingBytes: 4096, maxWork: 4096 };

/** Every device. */
export const devices: readonly DeviceUnderTest[] = [
  await webGpu("webgpu"),
  { name: "cpu", device: await createCpuDevice({ threads: 2 }) },
];

/** WebGPU where kernels see a few kilobytes at a time, for the operations that split tensors. */
export const devicesThatSplit: readonly DeviceUnderTest[] = [
  await webGpu("webgpu with small bindings", SMALL),
];
