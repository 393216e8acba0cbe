/** What the laboratory measures: an operation on tensors of a size that a model has. */
import {
  type Device,
  groupTokens,
  type Operations,
  sizeOf,
  type Tensor,
  type TokenGroups,
} from "../../lib/device/mod.ts";
import { PythonRandom } from "../../lib/random/mod.ts";

/** The lengths that the model decides. */
export interface ModelShape {
  /** Width of the residual stream. */
  C: number;
  /** Heads, as many for keys as for queries. */
  H: number;
  /** Size of a head. */
  D: number;
  /** Positions of a sequence. */
  T: number;
  /** Rows of the token tables. */
  V: number;
}

/** An operation that is ready to run. */
export interface Call {
  /** Calls it. */
  run: (device: Operations) => void;
  /** Multiplications, additions and functions of its formula. */
  flops: number;
  /** What must be read and what must be written; what is added to appears twice. */
  moved: readonly Pick<Tensor, "size">[];
  /** What it computes. */
  results: readonly Tensor[];
}

/** An operation at one size of a model. */
export interface Case {
  /** What tells it from the operation's other cases. */
  label: string;
  /** What may be shorter where the adapter is too slow, by its letter in the contracts. */
  dimension: "B" | "N" | "R" | "T" | "V" | "n";
  /** Its length where the results are checked. */
  least: number;
  /** Its length in the model. */
  full: number;
  /** Makes the tensors. */
  prepare(bench: Workbench, length: number): Call;
}

/** Cases by operation: of all that have kernels. */
export type Cases = Readonly<Record<Exclude<keyof Operations, "zero" | "copy">, readonly Case[]>>;

/** So many rows are enough for a check. */
export const LEAST_ROWS = 32;

/** Where tensors are made. */
type Memory = Pick<Device, "allocate" | "write" | "free">;

/** Makes tensors without contents, to find out what a call would cost. */
export const WITHOUT_MEMORY: Memory = {
  allocate: (name, shape, dtype = "float32") => ({ name, shape, dtype, size: sizeOf(shape) }),
  write: () => {},
  free: () => {},
};

const random = new PythonRandom(1);
/** Numbers in ±1, of a length that is no multiple of a row's, so that rows differ. */
const NUMBERS = Float32Array.from({ length: 2 ** 20 - 3 }, () => 2 * random.random() - 1);

/** Makes tensors with contents that are the same on every device, and frees them. */
export class Workbench implements Disposable {
  readonly #tensors: Tensor[] = [];

  constructor(private readonly memory: Memory) {}

  /** Zeros. */
  zeros(...shape: number[]): Tensor {
    return this.#keep(this.memory.allocate("zeros", shape));
  }

  /** Numbers in ±1. */
  numbers(...shape: number[]): Tensor {
    return this.#fill(shape, (x) => x);
  }

  /** Numbers in ±0.05, as weights are. */
  weights(...shape: number[]): Tensor {
    return this.#fill(shape, (x) => 0.05 * x);
  }

  /** Numbers in [0, 1). */
  positive(...shape: number[]): Tensor {
    return this.#fill(shape, Math.abs);
  }

  /** The given rows. */
  rows(rows: readonly (readonly number[])[]): Tensor {
    const tensor = this.#keep(this.memory.allocate("rows", [rows.length, rows[0].length]));
    this.memory.write(tensor, Float32Array.from(rows.flat()));
    return tensor;
  }

  /** int32, of one dimension unless a shape is given. */
  integers(values: Int32Array, shape: readonly number[] = [values.length]): Tensor {
    const tensor = this.#keep(this.memory.allocate("integers", shape, "int32"));
    this.memory.write(tensor, values);
    return tensor;
  }

  /** `count` tokens below V, as int32 (count) and by token. Few tokens are frequent, as in a text. */
  text(count: number, V: number): { ids: Tensor; groups: TokenGroups } {
    const values = Int32Array.from({ length: count }, (_, i) => Math.floor(V * NUMBERS[i] ** 4));
    const { tokens, starts, rows } = groupTokens(values, V);
    const groups = {
      tokens: this.integers(tokens),
      starts: this.integers(starts),
      rows: this.integers(rows),
      count: tokens.length,
    };
    return { ids: this.integers(values), groups };
  }

  #fill(shape: readonly number[], f: (x: number) => number): Tensor {
    const tensor = this.#keep(this.memory.allocate("numbers", shape));
    const start = 1009 * this.#tensors.length;
    const values = NUMBERS.subarray(start, start + tensor.size).map(f);
    for (let offset = 0; offset < tensor.size; offset += values.length) {
      this.memory.write(tensor, values.subarray(0, tensor.size - offset), offset);
    }
    return tensor;
  }

  #keep(tensor: Tensor): Tensor {
    this.#tensors.push(tensor);
    return tensor;
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors) this.memory.free(tensor);
  }
}
