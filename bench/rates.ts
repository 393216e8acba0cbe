/**
 * What the benchmarks of `deno bench` share: rates printed at the end, since it prints times alone,
 * and the devices.
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

/** Units of rates, and how much work one is. */
const UNITS = { "GFLOP/s": 1e9, "MB/s": 1e6, "M tokens/s": 1e6 };

const best = new Map<string, { rate: number; unit: string }>();

/**
 * Registers a benchmark. At the end the best rate is printed under `name`.
 *
 * @param work Floating point operations, bytes or tokens of one run.
 * @param options How often `Deno.bench` runs it, and in which group.
 */
export function benchRate(
  name: string,
  unit: keyof typeof UNITS,
  work: number,
  run: () => unknown,
  options: Pick<Deno.BenchDefinition, "group" | "n" | "warmup"> = { n: 5, warmup: 1 },
): void {
  Deno.bench({ name, ...options }, async (bench) => {
    bench.start();
    const begin = performance.now();
    await run();
    const seconds = (performance.now() - begin) / 1000;
    bench.end();
    const rate = work / seconds / UNITS[unit];
    if (rate > (best.get(name)?.rate ?? 0)) best.set(name, { rate, unit });
  });
}

/** As {@link benchRate}, for what `run` records on the device, waited for. */
export function benchOnDevice(
  device: Device,
  name: string,
  unit: keyof typeof UNITS,
  work: number,
  run: () => void,
): void {
  const group = `${device.kind}: ${device.name}`;
  const waited = () => {
    run();
    return device.synchronize();
  };
  benchRate(`${device.kind}: ${name}`, unit, work, waited, { group, n: 5, warmup: 1 });
}

/** The least seconds of what is compared, and of what it is compared with. */
const pairs = new Map<string, [seconds: number, other: number]>();

/**
 * Registers a benchmark of what `run` records on the device beside `other`, in turns. At the end the
 * ratio of their least times is printed under `name`.
 */
export function benchBeside(
  device: Device,
  name: string,
  run: () => void,
  other: () => void,
): void {
  const group = `${device.kind}: ${device.name}`, line = `${device.kind}: ${name}`;
  const secondsOf = async (run: () => void) => {
    const begin = performance.now();
    run();
    await device.synchronize();
    return (performance.now() - begin) / 1000;
  };
  Deno.bench({ name: line, group, n: 5, warmup: 1 }, async (bench) => {
    const others = await secondsOf(other);
    bench.start();
    const seconds = await secondsOf(run);
    bench.end();
    const before = pairs.get(line) ?? [Infinity, Infinity];
    pairs.set(line, [Math.min(before[0], seconds), Math.min(before[1], others)]);
  });
}

globalThis.addEventListener("unload", () => {
  for (const [name, { rate, unit }] of best) console.log(`${name}: ${rate.toFixed(1)} ${unit}`);
  for (const [name, [seconds, other]] of pairs) {
    console.log(`${name}: ${(seconds / other).toFixed(2)} of the time without`);
  }
});

/** A tensor of numbers in ±scale. */
export function randomTensor(device: Device, shape: readonly number[], scale = 1): Tensor {
  const tensor = device.allocate("random numbers", shape);
  const numbers = Float32Array.from({ length: tensor.size }, () => scale * (2 * Math.random() - 1));
  device.write(tensor, numbers);
  return tensor;
}
