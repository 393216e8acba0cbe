/**
 * Whose WebGPU a device is opened with: Deno's own, or Dawn, which is Chrome's, from a package. Dawn
 * has products of matrices by subgroups, for which GPUs have circuits of their own.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { findAdapter } from "./adapter.ts";

/** Whose WebGPU. */
export type WebGpuProvider = "deno" | "dawn";

/**
 * Dawn's package, as in `deno.json`. It is imported by this variable and not by its name there, so
 * that Deno downloads the 51 MB when they are asked for and not before.
 */
export const DAWN = "npm:webgpu@0.6.2";

/** What Dawn keeps back unless asked: extensions of WGSL, and float16 on NVIDIA's Vulkan. */
const TOGGLES = "enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia";

/** How often Dawn looks for finished work, in milliseconds. */
const LOOK_MS = 1;

/** Dawn ends the process when one of them is collected as garbage. */
const kept: GPU[] = [];

/**
 * The WebGPU of a provider.
 *
 * @throws {UserError} where Dawn is asked for and cannot be loaded, or finds no adapter.
 */
export async function webGpuOf(provider: WebGpuProvider): Promise<GPU> {
  if (provider === "deno") return navigator.gpu;
  const gpu = await loadDawn();
  if (!await findAdapter(gpu)) {
    throw new UserError(
      "Dawn finds no WebGPU adapter: it takes newer drivers alone than Deno's own WebGPU does " +
        "(of Mesa from 23 on)",
      { detail: { kind: "noDawn" } },
    );
  }
  return gpu;
}

/**
 * Dawn's WebGPU.
 *
 * @param options Of its `create`, such as `backend=null`, which compiles kernels and runs none.
 * @throws {UserError} where it cannot be loaded.
 */
export async function loadDawn(options: readonly string[] = []): Promise<GPU> {
  try {
    const { create } = await (dawn ??= importDawn());
    const gpu = create([TOGGLES, ...options]);
    kept.push(gpu);
    return gpu;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new UserError(
      `Dawn needs ${DAWN}, which could not be loaded (${reason}); ` +
        `with a network connection, run: deno cache ${DAWN}`,
      { detail: { kind: "noDawn" } },
    );
  }
}

/** The package, once it was asked for. */
let dawn: Promise<typeof import("webgpu")> | undefined;

async function importDawn(): Promise<typeof import("webgpu")> {
  // It looks for finished work in each `setImmediate`, which leaves no time for the work.
  const setImmediate = (look: () => void) => setTimeout(look, LOOK_MS);
  Object.assign(globalThis, { setImmediate });
  const module: typeof import("webgpu") = await import(DAWN);
  takeSharedMemory(module.globals as { GPUQueue: { prototype: GPUQueue } });
  return module;
}

/** Dawn ends the process where it is given memory that threads share: it gets a copy. */
function takeSharedMemory({ GPUQueue: { prototype } }: { GPUQueue: { prototype: GPUQueue } }) {
  const { writeBuffer } = prototype;
  prototype.writeBuffer = function (buffer, offset, data, ...range) {
    const { buffer: memory } = data as ArrayBufferView;
    const own = memory instanceof SharedArrayBuffer ? (data as Float32Array).slice() : data;
    writeBuffer.call(this, buffer, offset, own, ...range);
  };
}
