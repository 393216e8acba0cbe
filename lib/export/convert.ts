/**
 * Tensors on their way from one file into another.
 */
import { fromFloat32, toFloat32 } from "../checkpoint/dtype.ts";
import type { StoredDType, TensorArray, TensorSource } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { pause } from "../pause.ts";

/** Types of elements that weights are written in. */
export type WeightDType = "float32" | "bfloat16" | "float16";

/** How tensors are carried over. */
export interface ConvertOptions {
  /** Type of their elements; each keeps its own unless given. */
  dtype?: WeightDType;
  /** Told of the elements that were read. */
  onRead?: (count: number) => void;
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
  { dtype: wanted, onRead, signal }: ConvertOptions,
): Map<string, TensorSource> {
  return new Map(Array.from(tensors, ([name, tensor]) => {
    const dtype = wanted ?? tensor.dtype;
    const read = async (start: number, count: number) => {
      await pause(signal);
      const array = await tensor.read(start, count);
      onRead?.(count);
      if (dtype === tensor.dtype) return array;
      const values = toFloat32(tensor.dtype, array as TensorArray);
      const result = fromFloat32(dtype, values);
      checkRange(name, dtype, values, result);
      return result;
    };
    return [name, { dtype, shape: tensor.shape, read }];
  }));
}

/** The bits of infinity, without its sign. */
const INFINITIES: { [D in StoredDType]?: number } = { float16: 0x7c00, bfloat16: 0x7f80 };

/** Refuses what became infinite. */
function checkRange(
  name: string,
  dtype: StoredDType,
  before: Float32Array,
  after: TensorArray<ArrayBufferLike>,
): void {
  const infinity = INFINITIES[dtype];
  if (infinity === undefined) return;
  for (let i = 0; i < after.length; i++) {
    if ((Number(after[i]) & 0x7fff) !== infinity || !Number.isFinite(before[i])) continue;
    throw new UserError(`${name} holds ${before[i]}, which is too large for ${dtype}`);
  }
}
