import { UserError } from "../errors.ts";
import { sizeOf } from "../shapes.ts";
import type { StoredDType, TensorArray, TensorSource } from "../tensor_source.ts";
import { quote } from "./byte_reader.ts";
import { type ByteSource, MemorySource } from "./byte_source.ts";
import { bytesOf, bytesPerElement, createArray, isArrayOf, toFloat32 } from "./dtype.ts";

/** Where a tensor's elements lie: a run of bytes of a source, and how it steps through them. */
export interface TensorPlace {
  /** What holds the bytes. */
  source: ByteSource;
  /** Byte position in `source` at which the storage starts. */
  storageStart: number;
  /** Elements the storage holds; other tensors may share it. */
  storageLength: number;
  /** Index in the storage of the tensor's first element. */
  storageOffset: number;
  /** Elements to step for each dimension, as PyTorch's `stride()`. Default: contiguous. */
  strides?: number[];
}

function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

/** Elements at most of a view that repeats its storage's: few bytes of a file claim any number. */
const MOST_REPEATED = 2 ** 32;

/**
 * A tensor that lies in a file. Making one reads nothing; each read takes only the bytes it needs
 * and works as long as the file is open.
 */
export class StoredTensor implements TensorSource {
  /** The size of each dimension. */
  readonly shape: readonly number[];
  /** Elements in all. */
  readonly count: number;
  /** Bytes of all elements as stored. */
  readonly byteLength: number;
  readonly #place: TensorPlace;
  /** Set where the elements do not lie one after another in row-major order. */
  readonly #strides?: readonly number[];

  /**
   * Describes a tensor; reads nothing.
   *
   * @param name What error messages call it: its path in the tree, or its parameter name.
   * @param dtype Type of its elements in the file.
   * @param shape Size of each dimension; `[]` for a scalar.
   * @param place Where its elements lie. Throws a UserError if they are not within the storage.
   */
  constructor(
    readonly name: string,
    readonly dtype: StoredDType,
    shape: readonly number[],
    place: TensorPlace,
  ) {
    this.shape = shape;
    this.count = sizeOf(shape);
    this.byteLength = this.count * bytesPerElement(dtype);
    this.#place = place;
    const { strides, storageOffset, storageLength, source } = place;
    const numbers = [...shape, ...strides ?? [], storageOffset, this.count];
    if (!numbers.every((n) => Number.isSafeInteger(n) && n >= 0)) {
      throw new UserError(`${source.name}: tensor ${quote(name)} has a malformed shape or stride`);
    }
    const expected = contiguousStrides(shape);
    const isContiguous = strides === undefined || this.count === 0 ||
      shape.every((size, i) => size === 1 || strides[i] === expected[i]);
    if (!isContiguous) this.#strides = strides;
    const fits = this.count === 0 || storageOffset + this.#span() <= storageLength;
    if (!fits || this.count > Math.max(storageLength, MOST_REPEATED)) {
      throw new UserError(
        `${source.name}: tensor ${
          quote(name)
        } of shape [${shape}] does not fit its storage of ${storageLength} elements; the file is damaged`,
      );
    }
  }

  /** A tensor whose elements are in memory already. */
  static fromArray(
    name: string,
    dtype: StoredDType,
    shape: readonly number[],
    array: TensorArray,
  ): StoredTensor {
    if (!isArrayOf(dtype, array)) throw new TypeError(`${name}: array is not one of ${dtype}`);
    return new StoredTensor(name, dtype, shape, {
      source: new MemorySource(name, bytesOf(array)),
      storageStart: 0,
      storageLength: array.length,
      storageOffset: 0,
    });
  }

  /**
   * Reads `count` elements from the `start`th on, in row-major order, as stored (see
   * {@linkcode TensorArray}). Default: all.
   */
  async read(start = 0, count: number = this.count - start): Promise<TensorArray> {
    if (start < 0 || count < 0 || start + count > this.count) {
      throw new RangeError(`${this.name}: elements ${start} to ${start + count} of ${this.count}`);
    }
    if (this.#strides === undefined) return await this.#readStorage(start, count);
    return this.#gather(await this.#readStorage(0, this.#span()), this.#strides, start, count);
  }

  /** As {@linkcode StoredTensor.read}, converted to float32. */
  async readFloat32(start?: number, count?: number): Promise<Float32Array<ArrayBuffer>> {
    return toFloat32(this.dtype, await this.read(start, count));
  }

  /** Elements of the storage from this tensor's first to its last. */
  #span(): number {
    if (this.#strides === undefined) return this.count;
    return this.#strides.reduce((last, stride, i) => last + stride * (this.shape[i] - 1), 1);
  }

  async #readStorage(first: number, count: number): Promise<TensorArray> {
    const { source, storageStart, storageOffset } = this.#place;
    const array = createArray(this.dtype, count);
    const skipped = (storageOffset + first) * bytesPerElement(this.dtype);
    if (count > 0) await source.readAt(storageStart + skipped, bytesOf(array));
    return array;
  }

  #gather(
    storage: TensorArray,
    strides: readonly number[],
    start: number,
    count: number,
  ): TensorArray {
    const result = createArray(this.dtype, count);
    const rowMajor = contiguousStrides(this.shape);
    for (let i = 0; i < count; i++) {
      let rest = start + i;
      let index = 0;
      for (let axis = 0; axis < strides.length; axis++) {
        index += Math.floor(rest / rowMajor[axis]) * strides[axis];
        rest %= rowMajor[axis];
      }
      result[i] = storage[index];
    }
    return result;
  }
}
