/**
 * The devices that the tests of operations run on. A device that this machine lacks is listed with
 * `device: undefined`, and its tests are registered as ignored.
 */
import { UserError } from "../../lib/errors.ts";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import {
  createWebGpuDevice,
  findAdapter,
  type WebGpuOptions,
} from "../../lib/device/webgpu/mod.ts";
import { dawnIfThere } from "../webgpu/dawn.ts";

export interface DeviceUnderTest {
  name: string;
  /** Opened once per test file. */
  device: Device | undefined;
}

/** Whether Dawn's WebGPU is tested instead, and nothing else: tests/webgpu/dawn_test.ts asks. */
const withDawn = Deno.env.get("NANOCHAT_TEST_WEBGPU") === "dawn";

/** The WebGPU that is tested. */
export const testedGpu = withDawn ? await dawnIfThere() : navigator.gpu;
if (withDawn && !testedGpu) throw new Error("Dawn is to be tested and cannot be loaded");

/** WebGPU with the given options, where there is an adapter. */
export async function webGpu(name: string, options?: WebGpuOptions): Promise<DeviceUnderTest> {
  try {
    const device = await createWebGpuDevice({ gpu: testedGpu, ...options });
    // Where one is left open after a failure, Dawn ends the process before the failure is told.
    Deno.test.afterAll(() => device.close());
    return { name, device };
  } catch (error) {
    if (error instanceof UserError) return { name, device: undefined };
    throw error;
  }
}

/** Where bindings may start, in bytes: rows are split at multiples of it. */
const alignment = (await findAdapter(testedGpu))?.limits.minStorageBufferOffsetAlignment ?? 0;

/** A small limit on bindings and work, so that small tensors are split; and no subgroups. */
const SMALL = {
  maxBindingBytes: 128 * Math.max(32, alignment),
  maxWork: 4096,
  features: { subgroups: false },
};

/** Every device. */
export const devices: DeviceUnderTest[] = [await webGpu("webgpu")];
if (!withDawn) devices.push({ name: "cpu", device: await createCpuDevice({ threads: 2 }) });

/** WebGPU where kernels see little at a time (4 KiB, or 32 where bindings are coarse), for the operations that split tensors. It has no subgroups either. */
export const devicesThatSplit: readonly DeviceUnderTest[] = [
  await webGpu("webgpu with small bindings", SMALL),
];
