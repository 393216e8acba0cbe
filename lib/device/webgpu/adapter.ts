/**
 * Finding a WebGPU adapter and opening its device.
 *
 * @module
 */
import { UserError } from "../../errors.ts";

/** How to get an adapter, by operating system. */
const ADVICE: Record<string, string> = {
  linux: "install your GPU's Vulkan driver, or a software one " +
    "(Debian and Ubuntu: apt-get install mesa-vulkan-drivers)",
  darwin: "WebGPU needs Metal, on macOS 11 or later, outside of a virtual machine without a GPU",
  windows: "install your GPU's current driver (Direct3D 12 or Vulkan)",
};

/** An adapter's open device and what is known of it. */
export interface OpenAdapter {
  device: GPUDevice;
  /** What a person would call it. */
  name: string;
  /** Whether it runs on the CPU. */
  software: boolean;
}

/**
 * Opens the most powerful adapter with its own limits, not WebGPU's much lower defaults.
 *
 * @param requiredFeatures Features beyond WebGPU's own, which the adapter must have.
 * @throws {UserError} when there is none; the message says how to get one on this system.
 */
export async function openAdapter(requiredFeatures: GPUFeatureName[] = []): Promise<OpenAdapter> {
  const adapter = await findAdapter();
  if (!adapter) {
    const advice = ADVICE[Deno.build.os] ?? "install your GPU's driver";
    throw new UserError(`No WebGPU adapter was found: ${advice}`, {
      detail: { kind: "noAdapter" },
    });
  }
  const requiredLimits: Record<string, number> = {};
  for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  const { description, device: id, vendor } = adapter.info;
  const name = description || id || vendor || "WebGPU adapter";
  return { device, name, software: adapter.info.isFallbackAdapter };
}

/** The most powerful adapter, if there is one. */
export async function findAdapter(): Promise<GPUAdapter | undefined> {
  return await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
}

/** The limits that kernels come near to. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "minStorageBufferOffsetAlignment",
  "minUniformBufferOffsetAlignment",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const;
