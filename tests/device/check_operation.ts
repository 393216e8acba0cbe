/** Runs an operation on a device and on the float64 loops, and compares every tensor after it. */
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../lib/bfloat16.ts";
import { float16ToFloat32 } from "../../lib/checkpoint/mod.ts";
import { saturateToFloat16 } from "../../lib/float16.ts";
import type { Device, DType, Operations, Tensor } from "../../lib/device/mod.ts";
import { groupTokens } from "../../lib/device/token_groups.ts";
import { sizeOf } from "../../lib/shapes.ts";
import type { DeviceUnderTest } from "./devices.ts";
import { Float64Device } from "./float64_device.ts";

/** A tensor to be made on both devices, with its contents. */
export class Spec {
  constructor(
    readonly shape: readonly number[],
    readonly values: Float32Array | Int32Array,
    readonly dtype: DType = values instanceof Int32Array ? "int32" : "float32",
  ) {}
}

/** How far a rounded number may be from the exact one, relative to it: a half of its last place, twice. */
const ROUNDING: Record<DType, number> = {
  float32: 0,
  int32: 0,
  bfloat16: 2 ** -8,
  float16: 2 ** -11,
};

/** The arguments of an operation with specifications in place of tensors. */
type Specified<A> = A extends Tensor ? Spec
  : A extends object ? { [K in keyof A]: Specified<A[K]> }
  : A;

/** Arguments of an operation, with a {@link Spec} wherever it takes a tensor. */
export type SpecifiedArgs<K extends keyof Operations> = Specified<Parameters<Operations[K]>[0]>;

/** Random numbers in [0, 1) from a seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6D2B79F5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

let seed = 0;

/** A tensor of numbers in ±scale, other ones at each call. */
export function random(shape: readonly number[], scale = 1, dtype: DType = "float32"): Spec {
  const next = randomNumbers(++seed);
  return floats(shape, { length: sizeOf(shape) }, dtype, () => scale * (2 * next() - 1));
}

/** A tensor of numbers in (0, scale]. */
export function positive(shape: readonly number[], scale = 1, dtype: DType = "float32"): Spec {
  const { values } = random(shape, scale);
  return floats(shape, values, dtype, (value) => Math.abs(value) + 1e-3 * scale);
}

/** A tensor of the given numbers, rounded to its type. */
export function floats(
  shape: readonly number[],
  values: ArrayLike<number> | { length: number },
  dtype: DType = "float32",
  change = (value: number) => value,
): Spec {
  const numbers = Float32Array.from(values as ArrayLike<number>, change);
  return new Spec(shape, roundTo(numbers, dtype), dtype);
}

/** Numbers as a tensor of a type holds them. */
export function roundTo(numbers: Float32Array, dtype: DType): Float32Array {
  if (dtype === "bfloat16") return bfloat16ToFloat32(float32ToBfloat16(numbers));
  return dtype === "float16" ? float16ToFloat32(saturateToFloat16(numbers)) : numbers;
}

/** An int32 tensor of the given numbers. */
export function ints(values: Iterable<number>): Spec {
  const array = Int32Array.from(values);
  return new Spec([array.length], array);
}

/**
 * int32 (B, T): where the conversations begin that are packed into rows, given by their lengths. Each
 * token behind them stands alone.
 */
export function packed(rows: readonly (readonly number[])[], T: number): Spec {
  const starts = rows.flatMap((lengths) => {
    let start = 0;
    const packed = lengths.flatMap((length) => {
      start += length;
      return Array<number>(length).fill(start - length);
    });
    return [...packed, ...Array.from({ length: T - start }, (_, i) => start + i)];
  });
  return new Spec([rows.length, T], Int32Array.from(starts));
}

/** `count` random integers below `limit`. */
export function randomInts(count: number, limit: number): Int32Array {
  const next = randomNumbers(++seed);
  return Int32Array.from({ length: count }, () => Math.floor(next() * limit));
}

/** Token groups of ids. */
export function groupsOf(ids: Int32Array, vocabSize: number): Specified<TokenGroupsOf> {
  const { tokens, starts, rows } = groupTokens(ids, vocabSize);
  return { tokens: ints(tokens), starts: ints(starts), rows: ints(rows), count: tokens.length };
}

type TokenGroupsOf = Parameters<Operations["embeddingBackward"]>[0]["groups"];

/** The arguments with tensors of a device in place of specifications, and those tensors. */
export function allocateArgs<K extends keyof Operations>(
  device: Pick<Device, "allocate" | "write">,
  args: SpecifiedArgs<K>,
): { args: Parameters<Operations[K]>[0]; tensors: Map<Spec, Tensor> } {
  const tensors = new Map<Spec, Tensor>();
  const build = (value: unknown, name: string): unknown => {
    if (value instanceof Spec) {
      let tensor = tensors.get(value);
      if (!tensor) {
        tensors.set(value, tensor = device.allocate(name, value.shape, value.dtype));
        device.write(tensor, value.values);
      }
      return tensor;
    }
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((v, i) => build(v, `${name}[${i}]`));
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, build(v, key)]));
  };
  return { args: build(args, "") as Parameters<Operations[K]>[0], tensors };
}

/** Calls an operation by its name. */
export function callOperation<K extends keyof Operations>(
  operations: Operations,
  operation: K,
  args: Parameters<Operations[K]>[0],
): void {
  const run = operations[operation].bind(operations) as (given: typeof args) => void;
  run(args);
}

/** Registers a test of one operation on each device. */
export function testOperation(
  name: string,
  devices: readonly DeviceUnderTest[],
  test: (device: Device) => Promise<void>,
): void {
  for (const { name: deviceName, device } of devices) {
    Deno.test({
      name: `${deviceName}: ${name}`,
      ignore: device === undefined,
      fn: () => test(device!),
    });
  }
}

/**
 * Calls the operation on both devices with tensors of the same contents, then compares all of them:
 * outputs, and inputs, which must be as they were.
 *
 * @param tolerance Largest difference, relative to the largest number of the tensor. What is rounded
 * to 16 bits may also differ by that rounding.
 * @param workspaces Names of arguments whose contents do not matter.
 */
export async function checkOperation<K extends keyof Operations>(
  device: Device,
  operation: K,
  args: SpecifiedArgs<K>,
  tolerance = 3e-6,
  workspaces: readonly string[] = [],
): Promise<void> {
  const reference = new Float64Device();
  const actual = allocateArgs(device, args), expected = allocateArgs(reference, args);
  callOperation(device, operation, actual.args);
  callOperation(reference, operation, expected.args);

  // All copies are asked for before the first wait, which takes WebGPU ten milliseconds.
  const copies = [...actual.tensors].map(([spec, tensor]) => ({
    tensor,
    copy: device.stage(tensor).values(),
    wanted: reference.read(expected.tensors.get(spec)!),
  }));
  for (const { tensor: { name, shape, dtype }, tensor, copy, wanted } of copies) {
    const [a, e] = [await copy, await wanted];
    device.free(tensor);
    if (workspaces.includes(name)) continue;
    const scale = Float64Array.from(e).filter(Number.isFinite).reduce(
      (max, value) => Math.max(max, Math.abs(value)),
      1e-30,
    );
    for (let i = 0; i < e.length; i++) {
      if (Object.is(a[i], e[i])) continue;
      const difference = Math.abs(a[i] - e[i]);
      const rounding = Number.isFinite(e[i]) ? ROUNDING[dtype] * Math.abs(e[i]) : 0;
      if (difference <= (dtype === "int32" ? 0 : tolerance * scale + rounding)) continue;
      // Thrown as it is, since browsers run this too.
      throw new Error(
        `${operation}: ${name}[${i}] of (${shape}) is ${a[i]}, not ${e[i]}, ` +
          `off by ${difference / scale} of the largest`,
      );
    }
  }
}
