/** 32-bit words in the entropy pool of a SeedSequence. */
const POOL_SIZE = 4;

/** The multiplier of PCG64 in limbs of 16 bits, lowest first. */
const MULTIPLIER = limbs(0x2360ed051fc65da44385df649fccf645n);

function limbs(value: bigint): number[] {
  return Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(16 * i)) & 0xffffn));
}

/**
 * NumPy's `SeedSequence(seed).generate_state(words, uint32)`: spreads a seed over as many 32-bit
 * words as a generator's state needs (O'Neill, "C++ seeding surprises", 2015).
 */
function seedSequence(seed: number, words: number): Uint32Array {
  let hashConstant = 0x43b0d7e5;
  const hash = (value: number): number => {
    value ^= hashConstant;
    hashConstant = Math.imul(hashConstant, 0x931e8875);
    value = Math.imul(value, hashConstant);
    return (value ^ (value >>> 16)) >>> 0;
  };
  const mix = (x: number, y: number): number => {
    const mixed = Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  const entropy = [seed >>> 0, Math.floor(seed / 2 ** 32), 0, 0];
  const pool = entropy.map(hash);
  for (let from = 0; from < POOL_SIZE; from++) {
    for (let to = 0; to < POOL_SIZE; to++) {
      if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  let outConstant = 0x8b51f9dd;
  return Uint32Array.from({ length: words }, (_, i) => {
    let value = pool[i % POOL_SIZE] ^ outConstant;
    outConstant = Math.imul(outConstant, 0x58f38ded);
    value = Math.imul(value, outConstant);
    return value ^ (value >>> 16);
  });
}

/**
 * The part of NumPy's `default_rng(seed)` that shuffles datasets: PCG64 (XSL-RR, 128-bit state;
 * O'Neill, "PCG", 2014) seeded through a SeedSequence, and `permutation`.
 *
 * @example
 * ```ts
 * import { NumpyGenerator } from "@nanochat/sft/random";
 * import { assertEquals } from "@std/assert";
 *
 * const order = new NumpyGenerator(42).permutation(10);
 * assertEquals([...order], [5, 6, 0, 7, 3, 2, 4, 9, 1, 8]);
 * ```
 */
export class NumpyGenerator {
  /** The 128-bit state and increment in limbs of 16 bits, lowest first. */
  #state: number[];
  readonly #increment: number[];
  #scratch: number[] = new Array(8).fill(0);
  /** The upper half of the last 64-bit output, until it is asked for. */
  #spare: number | undefined;

  /**
   * Seeds the generator as `numpy.random.default_rng(seed)` does.
   *
   * @param seed A whole number from 0 to 2^53 − 1.
   * @throws {RangeError} If `seed` is not such a number.
   */
  constructor(seed: number) {
    if (!(Number.isSafeInteger(seed) && seed >= 0)) {
      throw new RangeError(`seed ${seed} is not a whole number from 0 to 2^53 - 1`);
    }
    // Pairs of words are 64-bit numbers, low word first; pairs of those are 128-bit, high first.
    const w = [...seedSequence(seed, 8)].map(BigInt);
    const wide = (i: number) => (w[i + 1] << 96n) | (w[i] << 64n) | (w[i + 3] << 32n) | w[i + 2];
    const increment = (wide(4) << 1n) | 1n;
    this.#increment = limbs(increment);
    this.#state = limbs(increment + wide(0));
    this.#step();
  }

  /** state = state · multiplier + increment (mod 2^128). */
  #step(): void {
    const state = this.#state;
    const next = this.#scratch;
    let carry = 0;
    for (let k = 0; k < 8; k++) {
      let sum = carry + this.#increment[k];
      for (let i = 0; i <= k; i++) sum += state[i] * MULTIPLIER[k - i];
      next[k] = sum & 0xffff;
      carry = Math.floor(sum / 65536);
    }
    this.#state = next;
    this.#scratch = state;
  }

  /** 32 random bits: the two halves of each 64-bit output, low half first. */
  #uint32(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    this.#step();
    const s = this.#state;
    const low = (s[0] ^ s[4]) | ((s[1] ^ s[5]) << 16);
    const high = (s[2] ^ s[6]) | ((s[3] ^ s[7]) << 16);
    // Rotate the 64 bits right by the state's top six bits.
    const rotation = s[7] >>> 10;
    const [a, b] = rotation & 32 ? [high, low] : [low, high];
    const r = rotation & 31;
    if (r === 0) {
      this.#spare = b >>> 0;
      return a >>> 0;
    }
    this.#spare = ((b >>> r) | (a << (32 - r))) >>> 0;
    return ((a >>> r) | (b << (32 - r))) >>> 0;
  }

  /** A whole number in [0, max], by masking bits and drawing again until they fit. */
  #upTo(max: number): number {
    const mask = 0xffffffff >>> Math.clz32(max);
    let value = (this.#uint32() & mask) >>> 0;
    while (value > max) value = (this.#uint32() & mask) >>> 0;
    return value;
  }

  /**
   * A random order of the numbers 0 to n − 1, as `Generator.permutation(n)` gives it.
   *
   * `datasets.Dataset.shuffle(seed)` puts row `permutation[i]` at place `i`.
   *
   * @param n How many numbers, at most 2^32.
   */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.#upTo(i);
      const kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
    return order;
  }
}
