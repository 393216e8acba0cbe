/**
 * Writes pickles opcode by opcode (each is documented in CPython's `pickletools.py`); the reading
 * side is `unpickle`.
 *
 * In protocol 2 values are written plainly, as files of torch want them. In protocol 4 they are
 * written as Python itself does, in the shortest form, each remembered in the memo, in one frame.
 */
export class PickleWriter {
  readonly #isShort: boolean;
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  /** Starts a pickle. */
  constructor(protocol: 2 | 4) {
    this.#isShort = protocol === 4;
    this.#append(0x80, protocol);
    if (this.#isShort) this.#append(0x95, ...littleEndian(0, 8)); // how long the frame is, `stop` knows
  }

  /** `None`, `True` or `False`. */
  constant(value: null | boolean): this {
    return this.#append(value === null ? 0x4e : value ? 0x88 : 0x89);
  }

  /** A Python int where the number is one and is exact, else a float. */
  number(value: number): this {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return this.#float(value);
    if (value >= 0 && value < 0x100) return this.#append(0x4b, value);
    if (this.#isShort && value >= 0 && value < 0x10000) {
      return this.#append(0x4d, ...littleEndian(value, 2));
    }
    if (value === (value | 0)) return this.#append(0x4a, ...littleEndian(value, 4));
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
    return this.#counted(0x8c, 0x58, new TextEncoder().encode(value));
  }

  /** A `bytes`; protocol 4 only. */
  bytes(value: Uint8Array): this {
    return this.#counted(0x43, 0x42, value);
  }

  /** A class or function by name. */
  global(module: string, name: string): this {
    if (this.#isShort) return this.text(module).text(name).#append(0x93).#memoize();
    return this.#copy(new TextEncoder().encode(`c${module}\n${name}\n`));
  }

  /** Starts a tuple, or the items for a list or dict below. */
  mark(): this {
    return this.#append(0x28);
  }

  /** An empty tuple. */
  emptyTuple(): this {
    return this.#append(0x29);
  }

  /** Makes a tuple of what follows the last mark. */
  tuple(): this {
    return this.#append(0x74).#memoize();
  }

  /** An empty list; `mark`, items and `appends` fill it. */
  emptyList(): this {
    return this.#append(0x5d).#memoize();
  }

  /** Appends what follows the last mark to the list below it. */
  appends(): this {
    return this.#append(0x65);
  }

  /** An empty dict; `mark`, keys and values in turn, and `setItems` fill it. */
  emptyDict(): this {
    return this.#append(0x7d).#memoize();
  }

  /** Puts the keys and values that follow the last mark into the dict below it. */
  setItems(): this {
    return this.#append(0x75);
  }

  /** Puts the key and value on top into the dict below them. */
  setItem(): this {
    return this.#append(0x73);
  }

  /** Calls a global with the tuple above it. */
  reduce(): this {
    return this.#append(0x52).#memoize();
  }

  /** Makes an instance of a class from the tuple above it, without its constructor. */
  newObject(): this {
    return this.#append(0x81).#memoize();
  }

  /** Gives what is on top as its state to the instance below. */
  build(): this {
    return this.#append(0x62);
  }

  /** Takes the tuple on top as a persistent id. */
  persistentId(): this {
    return this.#append(0x51);
  }

  /** Ends the pickle and returns it. */
  stop(): Uint8Array {
    this.#append(0x2e);
    if (this.#isShort) this.#bytes.set(littleEndian(this.#length - 11, 8), 3);
    return this.#bytes.subarray(0, this.#length);
  }

  #float(value: number): this {
    this.#append(0x47);
    const place = this.#reserve(8);
    new DataView(place.buffer, place.byteOffset).setFloat64(0, value, false);
    return this;
  }

  /** Bytes behind their number, which takes one byte after `short` and four after `long`. */
  #counted(short: number, long: number, value: Uint8Array): this {
    const { length } = value;
    if (this.#isShort && length < 0x100) this.#append(short, length);
    else this.#append(long, ...littleEndian(length, 4));
    return this.#copy(value).#memoize();
  }

  #memoize(): this {
    return this.#isShort ? this.#append(0x94) : this;
  }

  #append(...bytes: number[]): this {
    return this.#copy(bytes);
  }

  #copy(bytes: ArrayLike<number>): this {
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

function littleEndian(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
}
