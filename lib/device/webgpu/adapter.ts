/**
 * Finding a WebGPU adapter and opening its device.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { type FeatureChoice, featureNames, featuresOf, type GpuFeatures } from "./features.ts";

/** Where an adapter is looked for, and what is said if there is none. */
export interface AdapterOptions {
  /** Where the adapter is looked for; `navigator.gpu` unless given. */
  gpu?: GPU;
  /** How to get an adapter on this system, for the error where there is none. */
  adapterAdvice?: string;
  /** Which of the adapter's features are used. */
  features?: FeatureChoice;
}

/** An adapter's open device and what is known of it. */
export interface OpenAdapter {
  device: GPUDevice;
  /** What its kernels may use. */
  features: GpuFeatures;
  /** What a person would call it. */
  name: string;
  /** Tells it from other adapters, with its compiler and, as far as it says that, its driver. */
  key: string;
  /** Whether it runs on the CPU. */
  software: boolean;
}

/**
 * Opens the most powerful adapter with its own limits, not WebGPU's much lower defaults.
 *
 * @param requiredFeatures Features beyond WebGPU's own, which the adapter must have.
 * @throws {UserError} when there is none, or it gives no device.
 */
export async function openAdapter(
  { gpu, adapterAdvice: advice, features: choice = {} }: AdapterOptions = {},
  requiredFeatures: GPUFeatureName[] = [],
): Promise<OpenAdapter> {
  const adapter = await findAdapter(gpu);
  if (!adapter) {
    throw new UserError(`No WebGPU adapter was found${advice ? `: ${advice}` : ""}`, {
      detail: { kind: "noAdapter" },
    });
  }
  const requiredLimits: Record<string, number> = {};
  for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
  const { description, device: id, vendor, architecture } = adapter.info;
  const name = description || id || vendor || "WebGPU adapter";
  const [most, ...fewer] = featureNames(adapter, choice);
  const open = (names: string[]) => {
    const features = [...requiredFeatures, ...names as GPUFeatureName[]];
    return adapter.requestDevice({ requiredLimits, requiredFeatures: features });
  };
  let opening = open(most);
  for (const names of fewer) opening = opening.catch(() => open(names));
  const device = await opening.catch((cause: Error) => {
    throw new UserError(`The GPU ${name} cannot be used: ${cause.message}`, {
      cause,
      detail: { kind: "noAdapter" },
    });
  });
  const features = await featuresOf(adapter, device);
  // Compilers need not be named: Deno and Dawn describe the same adapter differently.
  const key = JSON.stringify([vendor, architecture, id, description]);
  return { device, features, name, key, software: adapter.info.isFallbackAdapter };
}

/**
 * The most powerful adapter, if there is one.
 *
 * @param gpu Where it is looked for: the WebGPU of this page or program, unless given.
 */
export async function findAdapter(gpu: GPU = navigator.gpu): Promise<GPUAdapter | undefined> {
  // A browser without WebGPU has no `navigator.gpu`.
  return await gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
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
