/**
 * Finding out whether a GPU has so much memory, which WebGPU does not tell.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { type AdapterOptions, openAdapter } from "./adapter.ts";

/** Bytes of a buffer: every adapter has larger ones. */
const BUFFER_BYTES = 2 ** 27;

/**
 * Whether a GPU gives so much memory. It is asked for on a device of its own, which is given back:
 * with some drivers a device that was refused once gets nothing more.
 */
export async function givesMemory(options: AdapterOptions, bytes: number): Promise<boolean> {
  // Nothing runs there, and asking a GPU what it can do takes an answer, which may never come.
  const features = { float16: false, subgroups: false, matrices: false };
  const opened = await openAdapter({ ...options, features }).catch((error) => {
    if (error instanceof UserError) return undefined;
    throw error;
  });
  // Where there is no second device, the first finds out when it allocates.
  if (!opened) return true;
  const { device } = opened;
  const buffers: GPUBuffer[] = [];
  // A GPU that is lost, for want of memory or otherwise, may answer nothing.
  const lost = device.lost.then(({ message }) => Promise.reject(new Error(message)));
  lost.catch(() => {});
  try {
    for (let asked = 0; asked < bytes; asked += BUFFER_BYTES) {
      const size = Math.ceil(Math.min(BUFFER_BYTES, bytes - asked) / 4) * 4;
      device.pushErrorScope("out-of-memory");
      buffers.push(device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }));
      if (await Promise.race([device.popErrorScope(), lost])) return false;
    }
    return true;
  } catch {
    return false;
  } finally {
    for (const buffer of buffers) buffer.destroy();
    // They are given back with the next submission.
    device.queue.submit([]);
    await Promise.race([device.queue.onSubmittedWorkDone(), lost]).catch(() => {});
    device.destroy();
  }
}
