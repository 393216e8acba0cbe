/**
 * What the benchmarks of device operations share: the devices, and rates printed at the end, since
 * `deno bench` itself prints times alone.
 */
import type { Device, Tensor } from "../lib/device/mod.ts";
import { createCpuDevice } from "../lib/device/cpu/mod.ts";
import { createWebGpuDevice } from "../lib/device/webgpu/mod.ts";
import { UserError } from "../lib/errors.ts";

/** The devices of this machine: WebGPU where there is an adapter, and the CPU. */
export async function openDevices(): Promise<Device[]> {
  const cpu = await createCpuDevice({ threads: navigator.hardwareConcurrency });
  try {
    return [await createWebGpuDevice(), cpu];
  } catch (error) {
    if (error instanceof UserError) return [cpu];
    throw error;
  }
}

const best = new Map<string, { rate: number; unit: string }>();

/**
 * Registers a benchmark of what `run` records on the device, waited for. At the end the best rate is
 * printed.
 *
 * @param work Floating point operations (for GFLOP/s) or bytes (for MB/s) of one run.
 */
export function benchRate(
  device: Device,
  name: string,
  unit: "GFLOP/s" | "MB/s",
  work: number,
  run: () => void,
): void {
  const scale = unit === "GFLOP/s" ? 1e9 : 1e6;
  Deno.bench({ name, group: `${device.kind}: ${device.name}`, n: 5, warmup: 1 }, async (bench) => {
    bench.start();
    const begin = performance.now();
    run();
    await device.synchronize();
    const seconds = (performance.now() - begin) / 1000;
    bench.end();
    const key = `${device.kind}: ${name}`;
    const rate = work / seconds / scale;
    if (rate > (best.get(key)?.rate ?? 0)) best.set(key, { rate, unit });
  });
}

globalThis.addEventListener("unload", () => {
  for (const [name, { rate, unit }] of best) console.log(`${name}: ${rate.toFixed(1)} ${unit}`);
});

/** A tensor of numbers in ±scale. */
export function randomTensor(device: Device, shape: readonly number[], scale = 1): Tensor {
  const tensor = device.allocate("random numbers", shape);
  const numbers = Float32Array.from({ length: tensor.size }, () => scale * (2 * Math.random() - 1));
  device.write(tensor, numbers);
  return tensor;
}
