/** Measures the kernels of every operation, one after the other. */
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { featuresOf } from "../../lib/device/webgpu/features.ts";
import { createWebGpuDevice, findAdapter } from "../../lib/device/webgpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { attentionCases } from "./attention.ts";
import type { Call, Case, Cases, ModelShape } from "./case.ts";
import { WITHOUT_MEMORY, Workbench } from "./case.ts";
import { embeddingCases } from "./embedding.ts";
import { kernelNames, type KernelTime, KernelTimes } from "./kernel_times.ts";
import { lossCases } from "./loss.ts";
import { optimizerCases } from "./optimizer.ts";
import { measurePeaks, type Peaks } from "./peaks.ts";
import { productCases } from "./products.ts";
import { rowCases } from "./rows.ts";
import { headLines, measurementLines } from "./table.ts";

/** The shapes of nanochat's models. */
export const MODELS: Readonly<Record<string, ModelShape>> = {
  d12: { C: 768, H: 6, D: 128, T: 2048, V: 32768 },
  d20: { C: 1280, H: 10, D: 128, T: 2048, V: 32768 },
};

/** A launch should take no longer, in milliseconds; lengths are lowered for it. */
const LAUNCH_MS = 500;
/** Launches are repeated for so long, in milliseconds, but not more often than is of use. */
const REPEAT_MS = 300;
const MOST_LAUNCHES = 20;

/** Results may be off by so much of the largest number. */
const TOLERANCE = 1e-4;

/** A case with the name of its operation. */
interface NamedCase extends Case {
  operation: string;
}

/** One kernel's part in a launch. */
export interface KernelShare {
  /** Its file in `kernels/webgpu`. */
  name: string;
  dispatches: number;
  ms: number;
}

/** What was measured of a case: its fastest launch. */
export interface Measurement {
  operation: string;
  label: string;
  /** The length that it ran with, and the model's where that is another: `N 512/2048`. */
  length: string;
  kernels: KernelShare[];
  flops: number;
  bytes: number;
  /** Where its results differ from the CPU device's. */
  difference?: string;
}

/** An adapter and its kernels. */
export interface Laboratory {
  adapter: string;
  peaks: Peaks;
  /** Measures one case after the other, and closes the device. */
  measurements(): AsyncGenerator<Measurement>;
}

/**
 * Prints the table of the cases whose name contains `name`, line by line.
 *
 * @returns How many cases gave other results than the CPU device.
 * @throws {UserError} when no case has such a name, there is no adapter, or it has no clock.
 */
export async function runLaboratory(
  shape: ModelShape,
  name: string,
  print: (line: string) => void,
): Promise<number> {
  const { adapter, peaks, measurements } = await openLaboratory(shape, name);
  for (const line of headLines(adapter, shape, peaks)) print(line);
  let wrong = 0;
  for await (const measurement of measurements()) {
    for (const line of measurementLines(measurement, peaks)) print(line);
    if (measurement.difference === undefined) continue;
    print(`  WRONG: ${measurement.difference}`);
    wrong++;
  }
  return wrong;
}

/**
 * Opens an adapter and measures its peaks, for the cases whose name contains `name`.
 *
 * @throws {UserError} as {@link runLaboratory}.
 */
export async function openLaboratory(shape: ModelShape, name: string): Promise<Laboratory> {
  const cases = casesNamed(shape, name);
  let times!: KernelTimes;
  const adapter = await findAdapter();
  if (adapter && !adapter.features.has("timestamp-query")) {
    throw new UserError(`${adapter.info.description} cannot take the time of its kernels`);
  }
  const profiler = (device: GPUDevice) => times = new KernelTimes(device);
  const device = await createWebGpuDevice({ profiler });
  const peaks = await measurePeaks(times, await featuresOf(adapter!, times.device));
  async function* measurements() {
    const cpu = await createCpuDevice();
    const nameOf = await kernelNames();
    for (const next of cases) {
      const difference = await compare(device, cpu, next);
      await times.take();
      yield { ...await measure(device, times, peaks, nameOf, next), difference };
    }
    await Promise.all([device.close(), cpu.close()]);
  }
  return { adapter: device.name, peaks, measurements };
}

function casesNamed(shape: ModelShape, name: string): NamedCase[] {
  const all: Cases = {
    ...productCases(shape),
    ...attentionCases(shape),
    ...rowCases(shape),
    ...embeddingCases(shape),
    ...lossCases(shape),
    ...optimizerCases(shape),
  };
  const wanted = Object.entries(all)
    .flatMap(([operation, cases]) => cases.map((one): NamedCase => ({ operation, ...one })))
    .filter(({ operation, label }) =>
      `${operation} ${label}`.toLowerCase().includes(name.toLowerCase())
    );
  if (wanted.length > 0) return wanted;
  throw new UserError(`no operation has "${name}" in its name: ${Object.keys(all).join(", ")}`);
}

/** Runs a case at its least length on both devices and says where the results differ. */
async function compare(device: Device, cpu: Device, one: Case): Promise<string | undefined> {
  const [actual, expected] = await Promise.all([device, cpu].map((each) => resultsOf(each, one)));
  for (const [i, values] of expected.entries()) {
    let largest = 0;
    for (const x of values) largest = Math.max(largest, Math.abs(x));
    const wrong = values.findIndex((x, k) => !(Math.abs(actual[i][k] - x) <= TOLERANCE * largest));
    if (wrong < 0) continue;
    return `result ${i}: element ${wrong} is ${actual[i][wrong]}, on the CPU ${values[wrong]}`;
  }
}

async function resultsOf(device: Device, one: Case): Promise<(Float32Array | Int32Array)[]> {
  using bench = new Workbench(device);
  const { run, results } = one.prepare(bench, one.least);
  run(device);
  return await Promise.all(results.map((tensor) => device.read(tensor)));
}

async function measure(
  device: Device,
  times: KernelTimes,
  peaks: Peaks,
  nameOf: (source: string) => string,
  one: NamedCase,
): Promise<Measurement> {
  const { operation, label, full, least } = one;
  const shortest = await fastestLaunch(device, times, one, least);
  const expectedMs = (length: number) =>
    totalMs(shortest) * leastMs(one, length, peaks) / leastMs(one, least, peaks);
  let length = full;
  while (length > least && expectedMs(length) > LAUNCH_MS) {
    length = Math.max(least, Math.ceil(length / 2));
  }
  const launch = length > least ? await fastestLaunch(device, times, one, length) : shortest;
  const { flops, moved } = one.prepare(new Workbench(WITHOUT_MEMORY), length);
  return {
    operation,
    label,
    length: `${one.dimension} ${length}${length < full ? `/${full}` : ""}`,
    kernels: sharesOf(launch, nameOf),
    flops,
    bytes: bytesOf(moved),
  };
}

/** The dispatches of the fastest of some launches. */
async function fastestLaunch(
  device: Device,
  times: KernelTimes,
  one: Case,
  length: number,
): Promise<KernelTime[]> {
  using bench = new Workbench(device);
  const { run } = one.prepare(bench, length);
  const launches: KernelTime[][] = [];
  const start = performance.now();
  do {
    run(device);
    device.submit();
    launches.push(await times.take());
  } while (performance.now() - start < REPEAT_MS && launches.length < MOST_LAUNCHES);
  return launches.reduce((a, b) => totalMs(b) < totalMs(a) ? b : a);
}

/** The time of a case at the adapter's peaks. */
function leastMs(one: Case, length: number, peaks: Peaks): number {
  const { flops, moved } = one.prepare(new Workbench(WITHOUT_MEMORY), length);
  return flops / peaks.flops + bytesOf(moved) / peaks.bytes;
}

function bytesOf(moved: Call["moved"]): number {
  return 4 * moved.reduce((sum, { size }) => sum + size, 0);
}

/** Milliseconds of some dispatches. */
function totalMs(launch: readonly { ms: number }[]): number {
  return launch.reduce((sum, { ms }) => sum + ms, 0);
}

function sharesOf(launch: KernelTime[], nameOf: (source: string) => string): KernelShare[] {
  const shares = new Map<string, KernelShare>();
  for (const { source, ms } of launch) {
    const share = shares.get(source) ?? { name: nameOf(source), dispatches: 0, ms: 0 };
    shares.set(source, { ...share, dispatches: share.dispatches + 1, ms: share.ms + ms });
  }
  return [...shares.values()];
}
