/**
 * Dawn, which is Chrome's WebGPU, inside Deno. It holds kernels to WGSL's rules where Deno's own
 * WebGPU lets some of them pass.
 */

/** What `create` gave: Dawn ends the process when one of them is collected as garbage. */
const kept: GPU[] = [];

/**
 * Dawn's WebGPU; undefined where it cannot be had.
 *
 * @param options Of Dawn's `create`, such as `backend=null`, which compiles kernels and runs none.
 */
export async function loadDawn(options: string[] = []): Promise<GPU | undefined> {
  // Dawn looks for finished work in each setImmediate, which leaves no time for the work.
  const setImmediate = (look: () => void) => setTimeout(look, 1);
  Object.assign(globalThis, { setImmediate });
  try {
    const { create } = await import("webgpu");
    const gpu = create(options);
    kept.push(gpu);
    return gpu;
  } catch (error) {
    console.log(`Dawn cannot be loaded: ${error}`);
    return undefined;
  }
}
