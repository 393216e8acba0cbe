/**
 * Dawn, which is Chrome's WebGPU, where it can be had. It holds kernels to WGSL's rules where Deno's
 * own WebGPU lets some of them pass.
 */
import { loadDawn } from "../../lib/device/webgpu/provider.ts";
import { UserError } from "../../lib/errors.ts";

/**
 * Dawn's WebGPU; undefined where it cannot be loaded.
 *
 * @param options As of {@link loadDawn}.
 */
export async function dawnIfThere(options?: readonly string[]): Promise<GPU | undefined> {
  try {
    return await loadDawn(options);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.log(error.message);
    return undefined;
  }
}
