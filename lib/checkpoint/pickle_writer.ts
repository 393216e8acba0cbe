/** Writes pickles of protocol 2, opcode by opcode; the reading side is `unpickle`. */
export class PickleWriter {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  constructor() {
    this.#append(0x80, 2);
  }

  /** `None`, `True` or `False`. */
  constant(value: null | boolean): this {
    return this.#append(value === null ? 0x4e : value ? 0x88 : 0x89);
  }

  /** A Python int where the number is one and is exact, else a float. */
  number(value: number): this {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return this.#float(value);
    if (value >= 0 && value < 0x100) return this.#append(0x4b, value);
    if (value === (value | 0)) return this.#append(0x4a, ...bytesOfInt32(value));
    return this.bigint(BigInt(value));
  }

  /** A Python int of any size. */
  bigint(value: bigint): this {
    const bytes: number[] = [];
    // Two's complement: stop when the rest is only copies of the last byte's sign.
    do {
      bytes.push(Number(BigInt.asUintN(8, value)));
      value >>= 8n;
    } while (value !== (bytes.at(-1)! >= 0x80 ? -1n : 0n));
    if (bytes.length > 0xff) throw new RangeError("integer too large for a pickle");
    return this.#append(0x8a, bytes.length, ...bytes);
  }

  /** A `str`. */
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.#append(0x58, ...bytesOfInt32(bytes.length));
    this.#reserve(bytes.length).set(bytes);
    return this;
  }

  /** A class or function by name. */
  global(module: string, name: string): this {
    const bytes = new TextEncoder().encode(`c${module}\n${name}\n`);
    this.#reserve(bytes.length).set(bytes);
    return this;
  }

  /** Starts a tuple, or the items for a list or dict below. */
  mark(): this {
    return this.#append(0x28);
  }

  /** Makes a tuple of what follows the last mark. */
  tuple(): this {
    return this.#append(0x74);
  }

  /** An empty list; `mark`, items and `appends` fill it. */
  emptyList(): this {
    return this.#append(0x5d);
  }

  /** Appends what follows the last mark to the list below it. */
  appends(): this {
    return this.#append(0x65);
  }

  /** An empty dict; `mark`, keys and values in turn, and `setItems` fill it. */
  emptyDict(): this {
    return this.#append(0x7d);
  }

  /** Puts the keys and values that follow the last mark into the dict below it. */
  setItems(): this {
    return this.#append(0x75);
  }

  /** Calls a global with the tuple above it. */
  reduce(): this {
    return this.#append(0x52);
  }

  /** Takes the tuple on top as a persistent id. */
  persistentId(): this {
    return this.#append(0x51);
  }

  /** Ends the pickle and returns it. */
  stop(): Uint8Array {
    this.#append(0x2e);
    return this.#bytes.subarray(0, this.#length);
  }

  #float(value: number): this {
    this.#append(0x47);
    const place = this.#reserve(8);
    new DataView(place.buffer, place.byteOffset).setFloat64(0, value, false);
    return this;
  }

  #append(...bytes: number[]): this {
    this.#reserve(bytes.length).set(bytes);
    return this;
  }

  /** Makes room for `count` more bytes and returns it. */
  #reserve(count: number): Uint8Array {
    if (this.#length + count > this.#bytes.length) {
      const larger = new Uint8Array(2 * (this.#length + count));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#length += count;
    return this.#bytes.subarray(this.#length - count, this.#length);
  }
}

function bytesOfInt32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}
