/** Length of the state vector of MT19937. */
const N = 624;
/** Distance between the two words a new word is made from. */
const M = 397;

/** A list whose items can be swapped: an array or a typed array. */
export interface MutableList<T> {
  /** How many items there are. */
  readonly length: number;
  /** The items. */
  [index: number]: T;
}

/**
 * The Mersenne Twister MT19937, giving the same numbers as Python's `random.Random(seed)`.
 *
 * Follows Matsumoto and Nishimura, "Mersenne Twister" (1998), and the way CPython's `random.py`
 * (3.2 and later) draws bounded integers from it.
 *
 * @example
 * ```ts
 * import { PythonRandom } from "@nanochat/sft/random";
 * import { assertEquals } from "@std/assert";
 *
 * const random = new PythonRandom(42);
 * assertEquals(random.random(), 0.6394267984578837);
 * ```
 */
export class PythonRandom {
  readonly #state = new Uint32Array(N);
  #next = N;
  /** The second of the two normal numbers that one draw gives, until it is asked for. */
  #spareNormal: number | undefined;

  /**
   * Seeds the generator as `random.Random(seed)` does.
   *
   * @param seed A whole number of at most 53 bits; its sign is ignored, as in Python.
   * @throws {RangeError} If `seed` is not a safe integer.
   */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed ${seed} is not a safe integer`);
    const magnitude = Math.abs(seed);
    const low = magnitude >>> 0;
    const high = Math.floor(magnitude / 2 ** 32);
    this.#seedByArray(high > 0 ? [low, high] : [low]);
  }

  #seedByArray(key: number[]): void {
    const s = this.#state;
    s[0] = 19650218;
    for (let i = 1; i < N; i++) s[i] = Math.imul(1812433253, s[i - 1] ^ (s[i - 1] >>> 30)) + i;
    let i = 1;
    let j = 0;
    const wrap = () => {
      if (i === N) {
        s[0] = s[N - 1];
        i = 1;
      }
    };
    for (let k = Math.max(N, key.length); k > 0; k--) {
      s[i] = (s[i] ^ Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), 1664525)) + key[j] + j;
      i++;
      j = (j + 1) % key.length;
      wrap();
    }
    for (let k = N - 1; k > 0; k--) {
      s[i] = (s[i] ^ Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), 1566083941)) - i;
      i++;
      wrap();
    }
    s[0] = 0x80000000;
  }

  #twist(): void {
    const s = this.#state;
    for (let i = 0; i < N; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % N] & 0x7fffffff);
      s[i] = s[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#next = 0;
  }

  #uint32(): number {
    if (this.#next === N) this.#twist();
    let y = this.#state[this.#next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A float in [0, 1) with 53 random bits. */
  random(): number {
    const high = this.#uint32() >>> 5;
    const low = this.#uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A float between `low` and `high`. */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.random();
  }

  /**
   * A normally distributed float, as Python's `gauss` draws it: by Box and Muller's method (1958),
   * two at a time.
   *
   * @param mean Centre of the distribution.
   * @param deviation Its standard deviation.
   */
  gauss(mean = 0, deviation = 1): number {
    let normal = this.#spareNormal;
    this.#spareNormal = undefined;
    if (normal === undefined) {
      const angle = this.random() * 2 * Math.PI;
      const radius = Math.sqrt(-2 * Math.log(1 - this.random()));
      normal = Math.cos(angle) * radius;
      this.#spareNormal = Math.sin(angle) * radius;
    }
    return mean + normal * deviation;
  }

  /**
   * A whole number of `bits` random bits.
   *
   * @param bits From 1 to 53.
   * @throws {RangeError} If `bits` is outside that range.
   */
  getrandbits(bits: number): number {
    if (!(Number.isInteger(bits) && bits >= 1 && bits <= 53)) {
      throw new RangeError(`getrandbits gives 1 to 53 bits, not ${bits}`);
    }
    if (bits <= 32) return this.#uint32() >>> (32 - bits);
    const low = this.#uint32();
    return (this.#uint32() >>> (64 - bits)) * 2 ** 32 + low;
  }

  /** A whole number in [0, n), drawn as Python's `_randbelow`: bits are redrawn until they fit. */
  #below(n: number): number {
    if (!(Number.isSafeInteger(n) && n >= 1)) {
      throw new RangeError(`cannot draw from a range of ${n} numbers`);
    }
    const bits = n < 2 ** 32 ? 32 - Math.clz32(n) : 64 - Math.clz32(Math.floor(n / 2 ** 32));
    let r = this.getrandbits(bits);
    while (r >= n) r = this.getrandbits(bits);
    return r;
  }

  /**
   * A whole number in [start, stop), or in [0, start) when only one bound is given.
   *
   * @throws {RangeError} If the range is empty.
   */
  randrange(start: number, stop?: number): number {
    return stop === undefined ? this.#below(start) : start + this.#below(stop - start);
  }

  /**
   * A whole number in [low, high], both ends included.
   *
   * @throws {RangeError} If the range is empty.
   */
  randint(low: number, high: number): number {
    return low + this.#below(high - low + 1);
  }

  /**
   * One item of a list, or one character of a string.
   *
   * @throws {RangeError} If the list is empty.
   */
  choice<T>(items: ArrayLike<T>): T {
    return items[this.#below(items.length)];
  }

  /** Shuffles a list in place, as Python's `shuffle`. */
  shuffle<T>(items: MutableList<T>): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.#below(i + 1);
      const kept = items[i];
      items[i] = items[j];
      items[j] = kept;
    }
  }
}
