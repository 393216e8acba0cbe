/**
 * A CPU device that keeps numbers as a GPU without arithmetic in float16 would: what is to be of 16
 * bits lies in float32 and is rounded after each operation. So a long run in 16 bits can be tried
 * where there is no GPU. Of float16 the range is left out: numbers below 6e-5 keep all their bits, and
 * none overflows.
 */
import type { Device, Hardware, Tensor } from "../../lib/device/mod.ts";

/** A device's method, of whose arguments tensors are found. */
type Method = (...args: unknown[]) => unknown;

/** Bits that rounding takes from a float32. */
const TAKEN = { bfloat16: 16, float16: 13 };

type Half = keyof typeof TAKEN;

const isHalf = (dtype: unknown): dtype is Half => dtype === "bfloat16" || dtype === "float16";

/** Rounds the tensors of 16 bits of a CPU device. */
class Rounding {
  /** Where the numbers of tensors of 16 bits lie. */
  readonly #places = new WeakMap<object, Tensor>();
  /** 1, and a power of two for each type. */
  readonly #factors: Tensor;
  #scratch: [Tensor, Tensor];

  constructor(private readonly cpu: Device) {
    this.#factors = cpu.allocate("factors of rounding", [3]);
    cpu.write(this.#factors, Float32Array.of(1, 2 ** TAKEN.bfloat16, 2 ** TAKEN.float16));
    this.#scratch = this.#scratchOf(1);
  }

  #scratchOf(size: number): [Tensor, Tensor] {
    return [
      this.cpu.allocate("rounding", [size]),
      this.cpu.allocate("rounding", [size]),
    ];
  }

  /** A tensor that says it is of 16 bits. */
  half(place: Tensor, dtype: Half): Tensor {
    const tensor = { name: place.name, shape: place.shape, size: place.size, dtype };
    this.#places.set(tensor, place);
    return tensor;
  }

  /** Rounds to nearest, in float32 arithmetic alone (T. J. Dekker's splitting, 1971). */
  #round(x: Tensor, dtype: Half): void {
    if (this.#scratch[0].size < x.size) {
      this.#scratch.forEach((tensor) => this.cpu.free(tensor));
      this.#scratch = this.#scratchOf(x.size);
    }
    const [large, rest] = this.#scratch.map((tensor) => this.cpu.view(tensor, x.shape));
    const factor = { tensor: this.#factors, index: dtype === "bfloat16" ? 1 : 2 };
    this.cpu.combine({ out: large, x, y: x, a: factor, b: 1 });
    const minus = { tensor: this.#factors, index: 0, negate: true };
    this.cpu.combine({ out: rest, x, y: large, a: 1, b: minus });
    this.cpu.combine({ out: x, x: large, y: rest, a: 1, b: 1 });
  }

  /** Runs a method; what is rounded already stays as it is when it is rounded again. */
  call(method: Method, args: unknown[]): unknown {
    const halves = new Map<Tensor, Half>();
    const result = method(...args.map((value) => this.#placed(value, halves)));
    if (method !== this.cpu.free) {
      for (const [place, dtype] of halves) {
        this.#round(place, dtype);
      }
    }
    return result;
  }

  /** An argument with the places of its tensors, which are noted. */
  #placed(value: unknown, halves: Map<Tensor, Half>): unknown {
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    const place = this.#places.get(value);
    if (place) {
      halves.set(place, (value as Tensor).dtype as Half);
      return place;
    }
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    const entries = Object.entries(value).map(([key, part]) => [key, this.#placed(part, halves)]);
    return Object.fromEntries(entries);
  }
}

/** The CPU device with tensors of 16 bits. */
export function roundingDevice(cpu: Hardware): Hardware {
  const rounding = new Rounding(cpu);
  return new Proxy(cpu, {
    get(target, name: keyof Hardware & string) {
      // Models refuse 16 bits on the CPU.
      if (name === "kind") return "float64";
      const value = target[name];
      if (typeof value !== "function") return value;
      const method = value as Method; // None of them reads `this`.
      if (name === "allocate" || name === "view") {
        return (...args: [string | Tensor, number[], string?]) => {
          const dtype = name === "allocate" ? args[2] : (args[0] as Tensor).dtype;
          if (!isHalf(dtype)) return method(...args);
          const place = name === "allocate"
            ? method(args[0], args[1])
            : rounding.call(method, args);
          return rounding.half(place as Tensor, dtype);
        };
      }
      return (...args: unknown[]) => rounding.call(method, args);
    },
  });
}
