/** Which kernels were found best for products. */
import { openAdapter } from "../../lib/device/webgpu/adapter.ts";
import { Gpu } from "../../lib/device/webgpu/gpu.ts";
import { measureTiles } from "../../lib/device/webgpu/tuner.ts";
import { webGpuOf, type WebGpuProvider } from "../../lib/device/webgpu/provider.ts";
import type { Row } from "./part.ts";

/** Measures as a device does that was never opened before. */
export async function* tuner(provider: WebGpuProvider): AsyncGenerator<Row> {
  const { device, features, software } = await openAdapter({ gpu: await webGpuOf(provider) });
  const gpu = new Gpu(device, device.limits.maxStorageBufferBindingSize, Infinity, features);
  const start = performance.now();
  const { tiles } = await measureTiles(gpu, software, () => performance.now());
  const seconds = (performance.now() - start) / 1000;
  // Two operations each, and milliseconds.
  const rate = (multiplyAdds: number) => 2 * multiplyAdds / 1e6;
  for (const { tile, alone, together } of tiles) {
    const rates = { "GFLOP/s of one workgroup": rate(alone), "GFLOP/s": rate(together) };
    yield { provider, ...tile, ...rates, seconds };
  }
}
