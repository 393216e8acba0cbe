/** Which kernels were found best for products. */
import { openAdapter } from "../../lib/device/webgpu/adapter.ts";
import { Gpu } from "../../lib/device/webgpu/gpu.ts";
import { measure } from "../../lib/device/webgpu/matmul_tile.ts";
import { webGpuOf, type WebGpuProvider } from "../../lib/device/webgpu/provider.ts";
import type { Row } from "./part.ts";

/** Measures as a device does that was never opened before. */
export async function* tuner(provider: WebGpuProvider): AsyncGenerator<Row> {
  const { device, features, software } = await openAdapter({ gpu: await webGpuOf(provider) });
  const gpu = new Gpu(device, device.limits.maxStorageBufferBindingSize, Infinity, features);
  const start = performance.now();
  const { tiles } = await measure(gpu, software, () => performance.now());
  const seconds = (performance.now() - start) / 1000;
  for (const { outputSize, tile } of tiles) {
    yield { provider, "outputs up to": `${outputSize}`, ...tile, seconds };
  }
}
