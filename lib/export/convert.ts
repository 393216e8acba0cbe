/**
 * Tensors on their way from one file into another.
 */
import { fromFloat32, toFloat32 } from "../checkpoint/dtype.ts";
import type { StoredDType, TensorSource } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { pause } from "../pause.ts";

/** Types of elements that weights are written in. */
export type WeightDType = "float32" | "bfloat16" | "float16";

/** How tensors are carried over. */
export interface ConvertOptions {
  /** Type of their elements; each keeps its own unless given. */
  dtype?: WeightDType;
  /** Breaks it off when aborted: its reason is thrown. */
  signal?: AbortSignal;
}

/**
 * Tensors as another type, converted slice by slice when they are read.
 *
 * Reading one throws a UserError where a number is too large for the type.
 */
export function converted(
  tensors: ReadonlyMap<string, TensorSource>,
  { dtype: wanted, signal }: ConvertOptions,
): Map<string, TensorSource> {
  return new Map(Array.from(tensors, ([name, tensor]) => {
    const dtype = wanted ?? tensor.dtype;
    const read = async (start: number, count: number) => {
      await pause(signal);
      const array = await tensor.read(start, count);
      if (dtype === tensor.dtype) return array;
      const values = toFloat32(tensor.dtype, array as Parameters<typeof toFloat32>[1]);
      const result = fromFloat32(dtype, values);
      checkRange(name, dtype, values, toFloat32(dtype, result as Parameters<typeof toFloat32>[1]));
      return result;
    };
    return [name, { dtype, shape: tensor.shape, read }];
  }));
}

/** Refuses what became infinite. */
function checkRange(
  name: string,
  dtype: StoredDType,
  before: Float32Array,
  after: Float32Array,
): void {
  const at = after.findIndex((value, i) => !Number.isFinite(value) && Number.isFinite(before[i]));
  if (at < 0) return;
  throw new UserError(`${name} holds ${before[at]}, which is too large for ${dtype}`);
}
