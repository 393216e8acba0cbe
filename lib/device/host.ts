/**
 * What the operating system has to say about WebGPU.
 *
 * @module
 */

/** How to get an adapter, by operating system. */
const ADVICE: Record<string, string> = {
  linux: "install your GPU's Vulkan driver, or a software one " +
    "(Debian and Ubuntu: apt-get install mesa-vulkan-drivers)",
  darwin: "WebGPU needs Metal, on macOS 11 or later, outside of a virtual machine without a GPU",
  windows: "install your GPU's current driver (Direct3D 12 or Vulkan)",
};

/** What a person can do on this system where no adapter is found. */
export function adapterAdvice(): string {
  return ADVICE[Deno.build.os] ?? "install your GPU's driver";
}

/** What is left for the program itself where there is enough: its code, the data it trains on. */
const OWN_BYTES = 2 ** 28;

/**
 * How many bytes a device may take in all. The system, software adapters and Apple's promise any
 * amount of memory; the system then ends the process, or swaps. Other GPUs say when theirs is full.
 *
 * @param software Whether the device runs on the CPU.
 */
export function memoryLimit(software: boolean): number {
  const shared = Deno.build.os === "darwin";
  if (!software && !shared) return Infinity;
  try {
    const { available, total } = Deno.systemMemoryInfo();
    return software ? Math.max(available / 2, available - OWN_BYTES) : 0.75 * total;
  } catch {
    return Infinity; // Without the permission to ask, or on a system that does not tell.
  }
}
